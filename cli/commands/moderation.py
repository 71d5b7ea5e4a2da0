"""`opisalka moderation`: measure thresholds on labelled data, and report what the checks reject."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.parser import Parser
from inference.checkpoints import registry
from inference.checkpoints.card import save_card
from inference.errors import InvalidInput, Message
from locales.translate import Translate

if TYPE_CHECKING:
    from evaluation.moderation import Judgement, MatchEvaluator, Pair
    from evaluation.report import Chapter
    from inference.listing.types import Listing

SEED = 1
# Shares of right listings that `match` may refuse, and refuse or warn of.
REFUSED, WARNED = 0.005, 0.01
# Kinds of matching pairs: a file of the data set, and the text that is taken from its listings.
_KINDS = {
    "caption": ("captions.jsonl", "description"),
    "fields": ("listings.jsonl", "attributes"),
    "ad": ("listings.jsonl", "description"),
}


def add(parser: Parser) -> None:
    """Add the subcommand and its actions."""
    moderation = parser.add_command("moderation", Message("help-moderation"))
    moderation.require_command("ACTION")
    calibrate = moderation.add_command("calibrate", Message("help-moderation-calibrate"), run_calibrate)
    _add_common(calibrate)
    calibrate.add_option("--refused", Message("help-refused-share"), metavar="SHARE", type=float, default=REFUSED)
    calibrate.add_option("--warned", Message("help-warned-share"), metavar="SHARE", type=float, default=WARNED)
    report = moderation.add_command("report", Message("help-moderation-report"), run_report)
    _add_common(report)
    report.add_option("--foreign", Message("help-foreign"), metavar="DIR", type=Path)
    report.add_option("--out", Message("help-moderation-out"), metavar="FILE", type=Path)


def _add_common(action: Parser) -> None:
    action.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    action.add_option("--nude", Message("help-nude"), metavar="DIR", type=Path)
    action.add_option("--split", Message("help-split"), metavar="NAME", default="val")
    action.add_option("--clip", Message("help-moderation-clip"), metavar="NAME", default="mini")


def run_calibrate(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure the thresholds of a dual encoder on valid listings and write them to its card."""
    card = registry.get_card(arguments.checkpoints, "clip", arguments.clip)
    _check_data(arguments)
    from training import calibration, stages

    shares = calibration.Shares(arguments.refused, arguments.warned)
    measured = stages.measure_match_thresholds(arguments.data, card.folder, arguments.split, shares)
    unchanged = {name: value for name, value in card.calibration.items() if name != "nudity_threshold"}
    if arguments.nude:
        clothes = [pair.photos[0] for pair in _load_pairs(arguments, "captions.jsonl")]
        second = calibration.measure_second_opinion(card, clothes, _find_photos(arguments.nude))
        print(json.dumps({"second_opinion": second}))
        measured |= {"nudity_threshold": second["threshold"]} if second["helps"] else {}
    save_card(replace(card, calibration=unchanged | measured))
    print(json.dumps(measured))
    return 0


def run_report(arguments: argparse.Namespace, translate: Translate) -> int:
    """Print what the checks reject, and write a page with the verdicts nearest to the thresholds."""
    _check_data(arguments)
    chapters = [*_measure_match(arguments), *_measure_nudity(arguments)]
    summaries = {chapter.name: chapter.summary() for chapter in chapters}
    print(json.dumps(summaries | {"listings": _measure_listings(arguments)}, ensure_ascii=False, indent=1))
    if arguments.out:
        from evaluation.report import render_page

        arguments.out.write_text(render_page(chapters, translate), "utf-8")
    return 0


def _measure_match(arguments: argparse.Namespace) -> list[Chapter]:
    """Judge matching pairs of three kinds, swapped pairs, and photos out of the domain, alone and in albums."""
    from evaluation.moderation import compute_auc, name_other_things, swap_texts
    from evaluation.report import Chapter

    kinds = {kind: _load_pairs(arguments, *location) for kind, location in _KINDS.items()}
    foreign = _find_photos(arguments.foreign) if arguments.foreign else []
    matching = _load_matching(
        arguments, [*foreign, *(photo for pairs in kinds.values() for p in pairs for photo in p.photos)]
    )
    rule, rnd = matching.rule, random.Random(SEED)
    right = [each for kind, pairs in kinds.items() for each in matching.judge_pairs(kind, pairs, wrong=False)]
    wrong = matching.judge_pairs("swapped", swap_texts(kinds["caption"], name_other_things, rnd), wrong=True)
    captions = [each for each in right if each.kind == "caption"]
    figures = {"own_against_other_caption_auc": compute_auc([*captions, *wrong], higher_is_worse=False)}
    negatives = _judge_out_of_domain(matching, kinds, foreign, rnd, figures) if foreign else []
    return [Chapter("match", [*right, *wrong, *negatives], rule.threshold, False, figures)]


def _measure_listings(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run all checks together on right listings, swapped ones, and ones with a photo of something else."""
    from evaluation.listings import build_listings, measure_listings, replace_photos, swap_albums
    from inference.serving.loader import load_describer

    models = load_describer(arguments.checkpoints).models
    foreign = _find_photos(arguments.foreign) if arguments.foreign else []
    kinds: dict[str, list[Listing]] = {}
    for kind, location in _KINDS.items():
        right = build_listings([(pair.photos, pair.text) for pair in _load_pairs(arguments, *location)])
        kinds |= {kind: right, f"{kind}, swapped": swap_albums(right, SEED)}
        kinds[f"{kind}, foreign"] = replace_photos(right, foreign, SEED)
    return measure_listings(models, kinds)


def _judge_out_of_domain(
    matching: MatchEvaluator,
    kinds: dict[str, list[Pair]],
    foreign: Sequence[Path],
    rnd: random.Random,
    figures: dict[str, float | None],
) -> list[Judgement]:
    """Judge photos without clothes beside texts about clothes, and albums with one such photo; add to `figures`."""
    from evaluation.moderation import build_mixed_albums, compute_auc, measure_naming, pair_out_of_domain

    texts = [pair.text for pairs in kinds.values() for pair in pairs]
    alone = matching.judge_pairs("foreign", pair_out_of_domain(foreign, texts, rnd), wrong=True)
    albums = list(build_mixed_albums(kinds["caption"], foreign, rnd))
    judged = matching.judge_pairs("album", [album for album, _ in albums], wrong=True)
    among, only = measure_naming(judged, [number for _, number in albums])
    captions = matching.judge_pairs("caption", kinds["caption"], wrong=False)
    figures["foreign_auc"] = compute_auc([*captions, *alone], higher_is_worse=False)
    figures["album_foreign_named"], figures["album_only_foreign_named"] = round(among, 4), round(only, 4)
    return [*alone, *judged]


def _measure_nudity(arguments: argparse.Namespace) -> list[Chapter]:
    """Judge photos of clothes, and examples that must be rejected, by NudeNet and the policy."""
    from evaluation.moderation import compute_auc, count_labels, judge_photos
    from evaluation.report import Chapter
    from inference.moderation.nudity import NudityDetector
    from inference.moderation.photos import DEFAULT_LIMITS, PhotoPolicy

    detector, rule = NudityDetector.load(), PhotoPolicy(DEFAULT_LIMITS)
    paths = [photo for pair in _load_pairs(arguments, "captions.jsonl") for photo in pair.photos]
    detections = list(detector.detect_files(paths))
    judged = judge_photos(rule, detections, "clothes", wrong=False)
    if arguments.nude:
        judged += judge_photos(rule, list(detector.detect_files(_find_photos(arguments.nude))), "nude", wrong=True)
    figures = {"auc": compute_auc(judged, higher_is_worse=True)}
    least = min(limits.refuse for limits in DEFAULT_LIMITS.values() if limits.refuse is not None)
    return [Chapter("photos", judged, least, True, figures, count_labels(detections))]


def _load_matching(arguments: argparse.Namespace, photos: Sequence[Path]) -> MatchEvaluator:
    from evaluation.moderation import MatchEvaluator
    from inference.clip.dual_encoder import Clip
    from inference.moderation.match import MatchPolicy
    from inference.moderation.out_of_domain import OutOfDomainDetector
    from inference.moderation.photo_index import PhotoIndex
    from training.stages import load_item_classifier

    card = registry.get_card(arguments.checkpoints, "clip", arguments.clip)
    clip = Clip.load(card.folder)
    detector, classifier = OutOfDomainDetector.load(card.folder), load_item_classifier(card.folder)
    return MatchEvaluator(clip, MatchPolicy.from_card(card), PhotoIndex.build(clip, detector, photos, classifier))


def _load_pairs(arguments: argparse.Namespace, file: str, text: str = "description") -> list[Pair]:
    """Return the listings of the requested split that have this text, of senders that chose no threshold."""
    from evaluation.moderation import Pair
    from training.calibration import select_senders
    from training.data.examples import load_examples, load_photo_labels

    examples = [
        e for e in load_examples(arguments.data / file) if e.split == arguments.split or arguments.split == "all"
    ]
    if arguments.split == "val":
        examples = select_senders(examples, load_photo_labels(arguments.data), "measured")
    texts = [e.attributes_text if text == "attributes" else e.description or "" for e in examples]
    return [Pair(example.photos, text) for example, text in zip(examples, texts, strict=True) if text]


def _find_photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def _check_data(arguments: argparse.Namespace) -> None:
    files = [arguments.data / name for name in ("captions.jsonl", "listings.jsonl")]
    for path in filter(None, (*files, arguments.nude, getattr(arguments, "foreign", None))):
        if not path.exists():
            raise InvalidInput("data-missing", path=str(path))
