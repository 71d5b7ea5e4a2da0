"""The interrogator keeps the captioner contract and the seller's numbers in every mode, and repeats nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.captioners import base
from inference.captioners.base import Captioner, Prompt
from inference.captioners.interrogator.captioner import Interrogator
from inference.captioners.interrogator.settings import MODES
from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import Sampling
from inference.checkpoints.card import Card, load_card, save_card
from inference.checkpoints.registry import is_installed
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from inference.serving.loader import Loader
from tests.support.models import tiny
from tests.support.models.captioners import FIELDS, assert_keeps_the_promises, context, mixed_prompts, prompt
from tests.support.sources import ROOT

SETTINGS = {"captioner": "mini", "clip": "mini", "mode": "best", "areas": ["tops", "bottoms", "shoes"]}


class FixedCaptioner:
    """Returns fixed texts, with photos and with fields."""

    name = "mini"
    reads_attributes = True

    def __init__(self, caption: str, rest: str = "", max_photos: int = 10) -> None:
        self.caption, self.rest, self.max_photos = caption, rest, max_photos
        self.photos: list[int] = []

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        self.photos += [len(each.images) for each in prompts]
        return [f"{self.caption} {self.rest if each.masked else ''}".strip() for each in prompts]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    save(root)
    return root


@pytest.fixture(scope="module")
def clip(root: Path) -> Clip:
    return Clip.load(root / "clip" / "mini")


def save(root: Path, name: str = "interrogator", **settings: object) -> Card:
    folder = root / "captioner" / name
    folder.mkdir(exist_ok=True)
    requires = ("captioner/mini", "clip/mini")
    query = {**SETTINGS, **settings}
    return save_card(
        Card(folder=folder, family="interrogator", version="1", max_photos=10, requires=requires, settings=query)
    )


def load(root: Path, clip: Clip, captioner: Captioner, mode: str = "best") -> Interrogator:
    card = load_card(root / "captioner" / "interrogator")
    around = replace(context(clip), load_captioner=lambda name: captioner)
    loaded = base.load_captioner(replace(card, settings={**card.settings, "mode": mode}), around)
    assert isinstance(loaded, Interrogator)
    return loaded


@pytest.mark.parametrize("mode", MODES)
def test_the_promises_are_kept_in_every_mode(root: Path, clip: Clip, mode: str) -> None:
    captioner = load(root, clip, FixedCaptioner("Синяя куртка на молнии.", "Цена <PRICE>."), mode)
    texts = assert_keeps_the_promises(captioner, clip)
    for text, query in zip(texts, mixed_prompts(clip), strict=True):
        assert all(token in text for token in query.mask_tokens)


def test_it_stands_on_the_embedded_kind_of_captioner(root: Path) -> None:
    """Loaded as the bot loads it, over a captioner that reads the views of the same encoder."""
    loaded, clip = Loader(root).load_alone(load_card(root / "captioner" / "interrogator"))
    assert isinstance(loaded, Interrogator)
    assert isinstance(loaded.captioner, PrefixCaptioner)
    loaded.captioner.sampling = Sampling(drafts=2, max_things_tokens=4, max_text_tokens=12)
    assert_keeps_the_promises(loaded, clip, [prompt(clip, 3, FIELDS), prompt(clip, 1), prompt(clip, 0, FIELDS)])


@pytest.mark.parametrize("mode", MODES)
def test_what_the_caption_leaves_open_is_added_once(root: Path, clip: Clip, mode: str) -> None:
    """Colour and sleeves are said; of every other trait at most one phrase is, and none of shoes."""
    captioner = load(root, clip, FixedCaptioner("Белая рубашка с коротким рукавом."), mode)
    query = prompt(clip, 2)
    (result,) = captioner.interrogate([query])
    assert result.text.startswith("Белая рубашка с коротким рукавом")
    assert result.text.count("рукав") == 1
    assert result.text.endswith(".")
    assert "подошв" not in result.text
    with torch.inference_mode():
        album = query.features.embeddings.mean(0)
        assert result.similarity == pytest.approx(
            float(clip.encode_texts([result.text]).embeddings[0] @ album), abs=1e-5
        )


def test_best_is_the_likest_of_all(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Белая рубашка."))
    query = [prompt(clip, 1), prompt(clip, 3)]
    result = {mode: captioner.interrogate(query, mode) for mode in MODES}
    for number, each in enumerate(query):
        album = each.features.embeddings.mean(0)
        alone = float(clip.encode_texts(["Белая рубашка."]).embeddings[0] @ album)
        others = [result[mode][number].similarity or 0 for mode in ("classic", "fast")]
        assert (result["best"][number].similarity or 0) >= max(alone, *others) - 1e-6


def test_phrases_go_before_what_the_fields_say(root: Path, clip: Clip) -> None:
    captioner = load(
        root, clip, FixedCaptioner("Белая рубашка. Лёгкая.", "Размер <SIZE>. Отдам за <PRICE>."), "classic"
    )
    (text,) = captioner.generate([prompt(clip, 1, FIELDS)])
    seen, _, fields = text.partition(" Размер")
    assert seen.startswith("Белая рубашка, ")
    assert seen.endswith(". Лёгкая.")
    assert fields == " <SIZE>. Отдам за <PRICE>."


def test_a_token_that_the_caption_forgot_stands_in_the_seller_s_own_line(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Белая рубашка.", "Размер <SIZE>."))
    (text,) = captioner.generate([prompt(clip, 1, FIELDS)])
    assert text.endswith("Размер <SIZE>.\nЦена: <PRICE>")


def test_without_photos_it_says_what_the_captioner_says(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Куртка.", "Размер <SIZE>."))
    (result,) = captioner.interrogate([prompt(clip, 0, FIELDS)])
    assert result.text == "Куртка. Размер <SIZE>.\nЦена: <PRICE>"
    assert (result.phrases, result.similarity) == ((), None)


def test_a_caption_of_nothing_is_given_the_likest_thing(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner(""))
    (result,) = captioner.interrogate([prompt(clip, 1)])
    things = captioner.tables.phrases.things
    named = [thing for area in SETTINGS["areas"] for thing in things[area]]
    assert any(result.text.startswith(f"{thing[:1].upper()}{thing[1:]}") for thing in named)


def test_of_many_things_the_likest_of_each_photo_is_named(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Куртка."))
    query = prompt(clip, 3, many=True)
    (text,) = captioner.generate([query])
    likest = [captioner.tables.find_thing(photo)[0] for photo in query.features.embeddings]
    assert text.startswith("Куртка. ")
    assert likest[0] in text
    several = load(root, clip, FixedCaptioner("Куртка и белые кроссовки."))
    assert several.generate([query]) == ["Куртка и белые кроссовки."]


def test_every_table_tells_its_likest_phrase(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Белая рубашка."))
    (result,) = captioner.interrogate([prompt(clip, 2)])
    values = [similarity for _, similarity in result.phrases]
    assert values == sorted(values, reverse=True)
    assert len({phrase for phrase, _ in result.phrases}) == len(result.phrases) > 10


def test_only_what_was_measured_to_be_right_is_said(root: Path, clip: Clip) -> None:
    captioner = load(root, clip, FixedCaptioner("Белая рубашка."), "fast")
    query = prompt(clip, 1)
    free = captioner.generate([query])[0]
    captioner.tables = replace(captioner.tables, thresholds={"на молнии": -1.0, "с карманами": 2.0})
    assert captioner.generate([query]) == ["Белая рубашка. На фото видно: на молнии."] != [free]
    (result,) = captioner.interrogate([query])
    things = {phrase for phrase, _ in result.phrases} - {"на молнии"}
    assert len(things) == 1
    assert "рубашка" in things.pop()


def test_a_captioner_of_one_photo_gets_the_one_that_is_most_like_the_others(root: Path, clip: Clip) -> None:
    fixed = FixedCaptioner("Белая рубашка.", max_photos=1)
    load(root, clip, fixed).generate([prompt(clip, 3), prompt(clip, 1), prompt(clip, 0, FIELDS)])
    assert fixed.photos == [1, 1, 0]


def test_another_encoder_looks_for_itself(root: Path, clip: Clip) -> None:
    """Views of the shared encoder say nothing to it."""
    other = Clip.load(root / "clip" / "mini")
    card = load_card(root / "captioner" / "interrogator")
    around = replace(
        context(clip), load_clip=lambda name: other, load_captioner=lambda name: FixedCaptioner("Рубашка.")
    )
    query = prompt(clip, 2)
    strange = replace(query, features=replace(query.features, embeddings=-query.features.embeddings))
    expected = load(root, clip, FixedCaptioner("Рубашка.")).interrogate([query])[0]
    result = base.load_captioner(card, around).generate([strange])
    assert result == [expected.text]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "slow"),
        ("areas", ["clouds"]),
        ("areas", []),
        ("areas", "tops"),
        ("gain", "0.1"),
        ("most", -1),
        ("photos", 3),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(
    root: Path, clip: Clip, field: str, value: object, tmp_path: Path
) -> None:
    card = replace(load_card(root / "captioner" / "interrogator"), settings={**SETTINGS, field: value})
    with pytest.raises(CheckpointError) as raised:
        base.load_captioner(card, context(clip))
    assert raised.value.message.details["field"] == f"settings.{field}"


def test_a_setting_that_is_missing_is_named(root: Path, clip: Clip) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "captioner"}
    card = replace(load_card(root / "captioner" / "interrogator"), settings=settings)
    with pytest.raises(CheckpointError) as raised:
        base.load_captioner(card, context(clip))
    assert raised.value.message.details["field"] == "settings.captioner"


def test_it_waits_for_what_it_requires(root: Path) -> None:
    card = save(root, "waiting")
    assert is_installed(card)
    assert not is_installed(replace(card, requires=("captioner/mini", "clip/none")))


def test_the_shipped_ones_are_shown_when_they_can_write() -> None:
    folder = ROOT / "checkpoints" / "captioner"
    card, other = load_card(folder / "interrogator"), load_card(folder / "interrogator-ruclip")
    assert is_installed(card)
    assert card.family == other.family == "interrogator"
    clip = load_card(ROOT / "checkpoints" / "clip" / str(other.settings["clip"]))
    assert is_installed(other) == is_installed(clip)


@pytest.mark.parametrize(("field", "value"), [("adapters", ("lora",)), ("generation", {"num_beams": 2})])
def test_what_only_models_with_weights_can_do_is_refused(root: Path, clip: Clip, field: str, value: object) -> None:
    card = replace(load_card(root / "captioner" / "interrogator"), **{field: value})  # type: ignore[arg-type]
    with pytest.raises(CheckpointError) as raised:
        base.load_captioner(card, replace(context(clip), load_captioner=lambda name: FixedCaptioner("Рубашка.")))
    assert raised.value.message.details["field"] == field
