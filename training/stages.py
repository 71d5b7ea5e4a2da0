"""The stages of `opisalka train`: each reads data-set folders and writes a checkpoint folder with its card."""

from __future__ import annotations

import csv
import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.prefix.model import Decoder, DecoderConfig
from inference.checkpoints.card import Card, load_card, save_card
from inference.clip.dual_encoder import GRID, Clip
from inference.diversity import DiversityClassifier
from inference.facts.photos import FAMILY, PhotoClassifier, PhotoClassifierConfig
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.photo_index import PhotoIndex
from training import calibration, captioner, clip, diversity, loop, out_of_domain
from training.data import dataset, feature_cache
from training.data.examples import Example, load_examples, load_photo_labels
from training.data.labels import Vocabulary, build_vocabulary
from training.data.negatives import is_held_out, list_negatives
from training.data.scenes import Composer, Scene, build_collages, build_photo_scenes, draw_scenes
from training.data.sources import cite
from training.data.tokenizer import train_encoder_tokenizer
from training.facts import calibration as facts_calibration
from training.facts import labels as facts_labels
from training.facts import train as facts_train
from training.facts.checkpoint import save_config, save_photo_classifier
from training.facts.drawn import draw_photos
from training.facts.garment import fit_garment_head
from training.teacher import FEATURES, MobileNetV2, load_teacher

READING_WORDS = 6000
HEAD_WIDTH = 64
# How a captioner is called in the list of models, and its summary: with fewer layers than this it is the fast one.
ACCURATE_LAYERS = 5
ACCURATE = (
    {"ru": "Точнее", "en": "More accurate"},
    {"ru": "Маленькая, для процессора: одежда и обувь", "en": "Small, for a CPU: clothes and shoes"},
)
FAST = (
    {"ru": "Быстрее", "en": "Faster"},
    {"ru": "Самая маленькая и быстрая: одежда и обувь", "en": "The smallest and fastest: clothes and shoes"},
)
# Numbers of collages and of drawings with one, several different, and several equal things.
COLLAGES, DRAWN, DRAWN_SEVERAL, DRAWN_EQUAL = 1200, 700, 500, 250
VIEWS = 6
# Width, depth and image size of the classifier of photos: EfficientNet-Lite1.
FACTS_SIZES = (1.0, 1.1, 224)
PRECISION = 0.84  # of the claims about photos
SURE_ITEM, SURE_ALBUM = 0.9, 0.95  # shares of right answers from which on the seller is not asked
# Collages of held-out photos of each half, and random albums that choose the limits of «one or many» or are measured.
HELD_OUT_COLLAGES, HELD_OUT_ALBUMS = 150, 2000


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The data folders: clothes (the data set), optionally things that are no clothes, and plain texts."""

    data: Path
    negatives: Path | None = None
    texts: Path | None = None
    drawings: int = 0


def collect_reading_texts(sources: DataFolders) -> list[str]:
    """Return the texts that the text encoder's vocabulary is built from."""
    examples = load_examples(sources.data / "captions.jsonl") + load_examples(sources.data / "listings.jsonl")
    train = [example for example in examples if example.split == "train"]
    texts = [text for e in train for text in (e.attributes_text, e.description, e.gpt_description) if text]
    if sources.negatives:
        texts += [picture.texts[0] for picture in dataset.load_negatives(sources.negatives)]
    if sources.texts:
        for path in sorted(sources.texts.glob("ads_*.txt")):
            texts += path.read_text(encoding="utf-8").split("\n")
    return texts


def train_clip(
    sources: DataFolders, teacher: Path, out: Path, work: Path, steps: int, teacher_steps: int, seed: int
) -> None:
    """Run `opisalka train clip`: teacher, student, thresholds, checkpoint. `work` keeps the state for a restart."""
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    device = loop.pick_device()
    tokenizer = _load_reading_tokenizer(sources, work / "tokenizer.json")
    words = build_vocabulary(row for row in load_photo_labels(sources.data).values() if row.split == "train")
    train, held = _build_datasets(sources, tokenizer, words, seed)
    train, held = train.to(device), held.to(device)
    print(f"{len(train.pixels)} pictures to train on, {len(held.pixels)} held out, {device}", flush=True)
    size = tokenizer.get_vocab_size()
    tuned = work / "teacher.safetensors"
    if not tuned.exists():
        clip.finetune_teacher(teacher, train, held, size, words.sizes, work, teacher_steps)
    teacher_model = clip.DualEncoder(MobileNetV2(), FEATURES, size, words.sizes)
    teacher_model.load_state_dict({name: weight.float() for name, weight in load_file(tuned).items()}, strict=False)
    model = clip.train_clip(teacher_model, train, held, size, words.sizes, work, steps)
    clip.save_clip(model, tokenizer, out)
    calibrate(sources.data, out, clip.evaluate(model, held, clip.SERVED_AT))


def calibrate(data: Path, folder: Path, figures: dict[str, float]) -> Card:
    """Measure the match thresholds on the held-out listings and save the card of a dual encoder."""
    knows = tuple(calibration.collect_nouns(load_photo_labels(data).values()))
    return save_card(
        Card(
            folder=folder,
            family="vision-text-dual-encoder",
            version="1",
            languages=("ru",),
            summary={
                "ru": "Связывает фото одежды с русским текстом",
                "en": "Relates photos of clothes to Russian text",
            },
            command="opisalka train clip --data clothing --others other_photos --texts text --teacher mobilenet.tflite",
            data=cite("photos", "listings", "trash", "groceries", "phrases", "mobilenet"),
            knows=knows,
            figures={f"val_{name}": round(value, 3) for name, value in figures.items()},
            calibration=measure_match_thresholds(data, folder),
        )
    )


def measure_match_thresholds(
    data: Path, folder: Path, split: str = "val", shares: calibration.Shares | None = None
) -> dict[str, float]:
    """Return the match thresholds of the dual encoder in a folder, measured on the listings of a split.

    Half of the senders choose, if `photos.tsv` says who took which photo. The classifier of photos is the `facts/mini`
    beside the encoder.
    """
    clip, labels = Clip.load(folder), load_photo_labels(data)
    captioned, listed = (
        calibration.select_senders(
            [example for example in load_examples(data / name) if example.split == split], labels, "choosing"
        )
        for name in ("captions.jsonl", "listings.jsonl")
    )
    photos = [photo for example in (*captioned, *listed) for photo in example.photos]
    gallery = PhotoIndex.build(clip, OutOfDomainDetector.load(folder), photos, load_item_classifier(folder))
    # Sellers write in three ways: a phrase, fields, a whole ad.
    kinds = [(captioned, [example.description or "" for example in captioned])]
    kinds.append((listed, [example.attributes_text for example in listed]))
    kinds.append((listed, [example.description or "" for example in listed]))
    fits = [each for kind in kinds for each in calibration.compute_fits(clip, gallery, *kind)]
    albums = [gallery.get_album(example.photos) for example in (*captioned, *listed)]
    return calibration.choose_thresholds(fits, shares or calibration.Shares()) | calibration.choose_domain_threshold(
        albums, calibration.OUT_OF_DOMAIN
    )


def load_item_classifier(folder: Path) -> PhotoClassifier | None:
    """Return the classifier of photos beside a dual encoder's folder, None where there is none."""
    facts = folder.parent.parent / "facts" / "mini"
    return PhotoClassifier.load(load_card(facts)) if facts.is_dir() else None


def train_out_of_domain(sources: DataFolders, teacher: Path, folder: Path, work: Path, steps: int, seed: int) -> None:
    """Run `opisalka train foreign`: write the detector into the folder of a dual encoder and recalibrate its card."""
    torch.manual_seed(seed)
    teacher_model = load_teacher(teacher).eval().requires_grad_(False)
    paths = [e.photos[0] for e in load_examples(sources.data / "captions.jsonl") if e.split == "train"]
    drawings = out_of_domain.render_drawings(sources.drawings, seed)
    clothes = out_of_domain.label_with_teacher(teacher_model, paths, drawings)
    negatives = [
        out_of_domain.label_with_teacher(teacher_model, source_paths)
        for source_paths in out_of_domain.list_sources(sources.negatives or sources.data)
    ]
    student = out_of_domain.build_student(folder)
    out_of_domain.save_detector(out_of_domain.train(student, teacher_model, clothes, negatives, work, steps), folder)
    card = load_card(folder)
    save_card(replace(card, calibration={**card.calibration, **measure_match_thresholds(sources.data, folder)}))


def train_captioner(
    sources: DataFolders, encoder: Path, out: Path, work: Path, steps: int, language_steps: int, seed: int, layers: int
) -> None:
    """Run `opisalka train captioner`: pre-training, then samples over the features of the dual encoder in `encoder`."""
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    clips, rnd = Clip.load(encoder), random.Random(seed)
    scenes, features = _encode_scenes(sources, clips, work, seed)
    composer = Composer(scenes, _load_train_listings(sources.data), rnd)
    tokenizer = _load_writing_tokenizer(sources, composer, work / "writing.json")
    width = clips.model.config.vision_config.hidden_size
    # One dial for the size: as many heads of 64 dimensions as layers.
    sizes = {"width": HEAD_WIDTH * layers, "layers": layers, "heads": layers}
    config = DecoderConfig(tokenizer.get_vocab_size(), photo_width=width, photo_vectors=1 + GRID**2, **sizes)
    model = Decoder(config).to(loop.pick_device())
    captioner.pretrain(model, tokenizer, _load_phrases(sources), work, language_steps, batch=64)
    model = captioner.train(model, tokenizer, composer, features, work, steps, batch=24)
    captioner.save_captioner(model, tokenizer, out)
    title, summary = ACCURATE if layers >= ACCURATE_LAYERS else FAST
    save_card(
        Card(
            folder=out,
            family="prefix",
            version="1",
            languages=("ru",),
            max_photos=10,
            title=title,
            summary=summary,
            command="opisalka train captioner --data clothing --texts text --clip checkpoints/clip/mini",
            requires=(f"clip/{encoder.name}",),
            data=cite("photos", "listings", "phrases"),
        )
    )


def train_diversity(sources: DataFolders, encoder: Path, out: Path, work: Path, steps: int, seed: int) -> None:
    """Run `opisalka train diversity` over the features of the dual encoder in `encoder`."""
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    clips, listings = Clip.load(encoder), _load_train_listings(sources.data)
    scenes, features = _encode_scenes(sources, clips, work, seed)
    # Cloned because autograd rejects tensors created in inference mode.
    texts = list(clips.encode_texts([listing.attributes_text for listing in listings]).embeddings.clone())
    albums = diversity.Albums(clips, scenes, features, listings, texts, random.Random(seed))
    classifier = DiversityClassifier(clips.dim, features.shape[-1])
    diversity.save_diversity(diversity.train(classifier, albums, work, steps), out)
    card = Card(
        folder=out,
        family="album",
        version="1",
        languages=("ru",),
        max_photos=10,
        summary={"ru": "Одна вещь или много", "en": "One thing or many"},
        command="opisalka train diversity --data clothing --clip checkpoints/clip/mini",
        requires=(f"clip/{encoder.name}",),
        data=cite("photos", "listings"),
    )
    calibrate_diversity(sources.data, clips, card, SURE_ALBUM)


def calibrate_diversity(data: Path, encoder: Clip, card: Card, sure: float) -> Card:
    """Measure which scores of a diversity classifier are sure, on held-out senders, and save its card.

    Half of the senders choose, the other half is measured. sure: share of right answers among those that are not asked
    about.
    """
    torch.manual_seed(0)  # of the random views of each photo
    classifier = DiversityClassifier.load(card)
    choosing, measured = (
        diversity.score_albums(classifier, _build_held_out_albums(data, encoder, half), HELD_OUT_ALBUMS)
        for half in calibration.HALVES
    )
    limits = diversity.choose_limits(*choosing, sure)
    figures = {f"albums_{name}": value for name, value in diversity.measure_limits(*measured, limits).items()}
    return save_card(replace(card, calibration=limits, figures={**card.figures, "sure": sure, **figures}))


def train_facts(sources: DataFolders, out: Path, work: Path, steps: int, seed: int) -> None:
    """Run `opisalka train facts`: the classifier of photos, then its logit of garments, then thresholds."""
    torch.manual_seed(seed)
    rows = load_photo_labels(sources.data)
    paths = {e.photos[0].stem: e.photos[0] for e in load_examples(sources.data / "captions.jsonl")}
    names = [name for name in paths if rows[name].split == "train"]
    labels = facts_labels.build_labels(rows[name] for name in names)
    classifier = PhotoClassifier(PhotoClassifierConfig(*FACTS_SIZES, labels, {}))
    facts_train.load_imagenet_weights(classifier)
    drawn, drawn_targets = draw_photos(sources.drawings, labels, seed)
    photos = facts_train.load_photos([paths[name] for name in names], drawn)
    targets = facts_labels.encode_targets([rows[name] for name in names], labels).join(drawn_targets)
    spoken = facts_labels.encode_words([rows[name] for name in names])
    spoken = torch.cat((spoken, torch.zeros(len(drawn), spoken.shape[1])))
    classifier = facts_train.train(classifier, photos, targets, spoken, work, steps).cpu()
    others = [path for path, _ in list_negatives(sources.negatives or sources.data) if not is_held_out(path)]
    fit_garment_head(classifier, [paths[name] for name in names], others, seed)
    save_photo_classifier(classifier, out)
    card = Card(
        folder=out,
        family=FAMILY,
        version="1",
        languages=("ru",),
        max_photos=10,
        summary={"ru": "Вещь, цвет и детали одежды по фото", "en": "Item, colour and details of clothes from photos"},
        licence="Apache-2.0",
        command="opisalka train facts --data clothing --others other_photos --out checkpoints/facts/mini",
        data=cite("photos", "listings", "trash", "groceries", "efficientnet"),
    )
    calibrate_facts(sources, card, PRECISION, SURE_ITEM)


def calibrate_facts(sources: DataFolders, card: Card, precision: float, sure: float) -> Card:
    """Measure temperatures, thresholds and figures of a classifier of photos on the held-out senders; save its card."""
    classifier = PhotoClassifier.load(card)
    labels = load_photo_labels(sources.data)
    held = [e.photos[0] for e in load_examples(sources.data / "captions.jsonl") if e.split == "val"]
    rows = [labels[path.stem] for path in held]
    config, thresholds, figures = facts_calibration.calibrate(classifier, held, rows, precision, sure)
    measured = [held[number] for number in facts_calibration.split_senders(rows)[1]]
    others = [path for path, _ in list_negatives(sources.negatives or sources.data) if is_held_out(path)]
    figures |= facts_calibration.measure_garment(classifier, measured, others, thresholds["garment"])
    save_config(config, card.folder)
    return save_card(replace(card, calibration=thresholds, figures=figures))


def _load_train_listings(data: Path) -> list[Example]:
    return [example for example in load_examples(data / "listings.jsonl") if example.split == "train"]


def _encode_scenes(sources: DataFolders, encoder: Clip, work: Path, seed: int) -> tuple[list[Scene], Tensor]:
    """Return all training scenes and their features; the features are computed once and kept in `work`."""
    with (sources.data / "photos.tsv").open(encoding="utf-8", newline="") as file:
        senders = {r["photo"]: r["sender"] for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    examples = [e for e in load_examples(sources.data / "captions.jsonl") if e.split == "train"]
    photos = build_photo_scenes(examples, load_photo_labels(sources.data), senders)
    scenes = photos + build_collages(photos, COLLAGES, random.Random(seed))
    scenes += draw_scenes(DRAWN, DRAWN_SEVERAL, DRAWN_EQUAL, seed)
    path = work.parent / "seen.safetensors"
    if not path.exists():
        save_file({"states": feature_cache.encode_scenes(encoder, scenes, VIEWS)}, path)
    return scenes, load_file(path)["states"]


def _build_held_out_albums(data: Path, encoder: Clip, half: calibration.Half) -> diversity.Albums:
    """Build albums from photos, collages and listings of half of the held-out senders."""
    labels, rnd = load_photo_labels(data), random.Random(0)
    captioned, listings = (
        calibration.select_senders([e for e in load_examples(data / name) if e.split == "val"], labels, half)
        for name in ("captions.jsonl", "listings.jsonl")
    )
    photos = build_photo_scenes(captioned, labels, {name: row.sender for name, row in labels.items()})
    scenes = photos + build_collages(photos, HELD_OUT_COLLAGES, rnd)
    features = feature_cache.encode_scenes(encoder, scenes, VIEWS)
    texts = list(encoder.encode_texts([listing.attributes_text for listing in listings]).embeddings)
    return diversity.Albums(encoder, scenes, features, listings, texts, rnd)


def _load_phrases(sources: DataFolders) -> list[str]:
    """Return plain Russian for pre-training: phrases of the web without digits, captions, descriptions."""
    lines: list[str] = []
    for path in sorted(sources.texts.glob("*.txt")) if sources.texts else ():
        lines += [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    plain = [line for line in lines if not any(character.isdigit() for character in line)]
    captions = [e.description for e in load_examples(sources.data / "captions.jsonl") if e.split == "train"]
    return plain + [caption for caption in captions if caption] * 5


def _load_writing_tokenizer(sources: DataFolders, composer: Composer, path: Path) -> Tokenizer:
    if not path.exists():
        samples = [composer.sample() for _ in range(15_000)]
        texts = [text for sample in samples for text in (sample.masked, sample.things, sample.text)]
        captioner.train_tokenizer(texts + _load_phrases(sources)[::20]).save(str(path))
    return Tokenizer.from_file(str(path))


def _load_reading_tokenizer(sources: DataFolders, path: Path) -> Tokenizer:
    if not path.exists():
        train_encoder_tokenizer(collect_reading_texts(sources), READING_WORDS).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(clip.TEXT_LENGTH)
    return tokenizer


def _build_datasets(
    sources: DataFolders, tokenizer: Tokenizer, words: Vocabulary, seed: int
) -> tuple[dataset.Dataset, dataset.Dataset]:
    pictures = dataset.load_clothes(sources.data, "train")
    if sources.negatives:
        pictures += dataset.load_negatives(sources.negatives)
    pictures += dataset.draw_pictures(sources.drawings, seed * 1_000_000)
    workers = os.cpu_count() or 1
    train = dataset.build_dataset(pictures, tokenizer, words, workers)
    return train, dataset.build_dataset(dataset.load_clothes(sources.data, "val"), tokenizer, words, workers)
