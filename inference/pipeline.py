"""The pipeline from valid listings to their descriptions.

Each step works on all jobs of a batch at once, so that models run on batches, and writes its results into the jobs.
A listing that moderation rejects takes no further step and affects no other listing. The module knows no files, no
devices and no model classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from itertools import islice
from time import perf_counter
from typing import Literal

from PIL import Image

from inference.captioners.base import Captioner, Prompt
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, Message, first_line
from inference.facts.album import (
    MIN_PROBABILITY,
    SURELY_DIFFERENT,
    build_sheets,
    cut_parts,
    measure_difference,
)
from inference.facts.photos import PhotoClassifier, PhotoFacts
from inference.facts.seller import names_clothes, names_kind, names_set, read_seller_facts
from inference.facts.types import Fact
from inference.facts.writer import write_text
from inference.listing.job import Job
from inference.listing.types import Description, Diversity, Moderation, OnProgress, Question
from inference.masking import mask, mask_against, measure_kept, unmask
from inference.moderation.checks import Checks, Evidence
from inference.moderation.photo_index import encode_photos
from inference.scoring import EncodedText, compute_scores, select_photos

# Probability of a garment from which a photo is believed to show the clothes that the seller names.
POSSIBLE_GARMENT = 0.1
# Control characters, and the replacement character that a tokenizer writes for a letter cut in half at the end.
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]")


@dataclass(frozen=True, slots=True)
class Models:
    """The models that the pipeline runs."""

    clip: Clip
    captioner: Captioner
    diversity: DiversityClassifier
    photo_classifier: PhotoClassifier
    checks: Checks


def describe(jobs: Sequence[Job], models: Models, on_progress: OnProgress = lambda stage: None) -> list[Description]:
    """Return the description of each job's listing, in order.

    `on_progress` is called with each stage before it begins. Raises `CheckpointError` when the captioner fails.
    """
    jobs = [replace(job) for job in jobs]  # copies without results: a caller may retry the jobs of a failed batch
    on_progress("reading")
    with _measure(jobs, "moderate_s"):
        moderate(jobs, models)
    on_progress("writing")
    passed = [job for job in jobs if job.moderation.passed]
    with _measure(passed, "generate_s"):
        classify_diversity(passed, models.diversity)
        read_facts(passed, models.photo_classifier)
        find_unsure(passed, models)
        passed = [job for job in passed if not job.only_facts and not job.needs_confirmation]
        mask_numbers(passed)
        caption(passed, models.captioner)
        write(passed, models.checks)
        review(passed, models.checks)
    on_progress("scoring")
    passed = [job for job in passed if job.moderation.passed and job.text]
    with _measure(passed, "score_s"):
        score(passed, models.clip)
    return [_build_description(job, models.captioner.name) for job in jobs]


def moderate(jobs: Sequence[Job], models: Models) -> None:
    """Encode the photos and attributes of all jobs, and judge every listing."""
    images = [photo.image for job in jobs for photo in job.listing.visible_photos]
    nudity = models.checks.detect_nudity(images)  # runs in its own thread meanwhile
    facts = models.photo_classifier.predict(images)
    photos = encode_photos(models.clip, models.checks.out_of_domain_detector, images, facts)
    texts = [job.listing.attributes.text for job in jobs]
    sources = iter(_encode_texts(models.clip, [text for text in texts if text]))
    detections = nudity.result()
    evidence = []
    end = 0
    for job, text in zip(jobs, texts, strict=True):
        start, end = end, end + len(job.listing.visible_photos)
        own = photos[start:end]
        job.features, job.photo_facts = own.features, tuple(facts[start:end])
        job.source = next(sources) if text else None
        embedding = job.source.embedding if job.source else None
        evidence.append(Evidence(job.listing.attributes, embedding, own, detections[start:end]))
    for job, moderation, each in zip(jobs, models.checks.judge(evidence), evidence, strict=True):
        job.moderation, job.out_of_domain = _name_photos(moderation, job), models.checks.find_out_of_domain(each)


def classify_diversity(jobs: Sequence[Job], classifier: DiversityClassifier) -> None:
    """Score how likely each listing with photos offers different things; a seller who was asked knows."""
    for job in jobs:
        if job.listing.visible_photos and job.is_set is not None:
            job.diversity = Diversity(float(job.is_set))
        elif job.listing.visible_photos:
            job.diversity = Diversity(classifier.score(job.features, job.source.embedding if job.source else None))
        job.differences = classifier.compare(job.features)


def read_facts(jobs: Sequence[Job], classifier: PhotoClassifier) -> None:
    """Read facts from the seller's words, and merge them with those of the photos for each listing.

    Photos of what the models do not know give no facts; a listing of nothing else is described in the seller's words.
    """
    sellers = [read_seller_facts(job.listing.attributes, job.item) for job in jobs]
    parts = [_list_parts(job, seller) for job, seller in zip(jobs, sellers, strict=True)]
    predicted = iter(classifier.predict([part for each in parts for part in each]))
    for job, seller, each in zip(jobs, sellers, parts, strict=True):
        # Beside a seller who names clothes an odd hat is a hat.
        sells_clothes = names_clothes(seller)
        views = list(islice(predicted, len(each))) or job.photo_facts
        doubted = job.out_of_domain if len(job.out_of_domain) == len(views) else job.out_of_domain * len(views)
        kept = [
            number
            for number, (facts, doubt) in enumerate(zip(views, doubted, strict=True))
            if classifier.knows(facts, doubted=doubt) or (sells_clothes and facts.garment >= POSSIBLE_GARMENT)
        ]
        shown = [views[number] for number in kept]
        job.shows_known = bool(shown)
        if views and not shown:
            job.moderation = job.moderation.add_reason("match", Message("photos-unknown"))
        if not each:
            _compare_things(job, seller, shown)
        differences = None if each or job.differences is None else job.differences[kept][:, kept].tolist()
        job.sheets = build_sheets(seller, shown, classifier.thresholds, is_set=_is_set(job), differences=differences)


def find_unsure(jobs: Sequence[Job], models: Models) -> None:
    """Set what the photos of each listing leave open: which thing it is, and whether there are several."""
    for job in jobs:
        items = [f.probability for s in job.sheets for f in s.facts if f.group == "item" and f.source == "photo"]
        is_open: dict[Question, bool] = {
            "item": bool(items) and max(items) < models.photo_classifier.sure_item,
            "set": job.is_set is None and job.diversity is not None and models.diversity.is_unsure(job.diversity.score),
        }
        job.unsure = tuple(question for question, unsure in is_open.items() if unsure)


def _compare_things(job: Job, seller: Sequence[Fact], shown: Sequence[PhotoFacts]) -> None:
    """Make a set of photos that surely show different kinds of things, or of which the seller says so.

    A seller who was asked knows.
    """
    if job.diversity is None or job.is_set is not None or len(shown) < 2:
        return
    difference = 1.0 if names_set(seller) else measure_difference(seller, shown)
    if difference >= SURELY_DIFFERENT:
        job.diversity = Diversity(max(job.diversity.score, difference))


def _list_parts(job: Job, seller: Sequence[Fact]) -> list[Image.Image]:
    """Return the parts of the only photo of a set, to read facts from each; none of other photos.

    What parts of one thing seem to show is no reason to call it a set where the seller names its kind.
    """
    photos = job.listing.visible_photos
    is_cut = len(photos) == 1 and _is_set(job) and not names_kind(seller)
    return cut_parts(photos[0].image) if is_cut else []


def _is_set(job: Job) -> bool:
    return job.diversity is not None and job.diversity.is_set


def mask_numbers(jobs: Sequence[Job]) -> None:
    """Replace the numbers of the attributes with mask tokens."""
    for job in jobs:
        text = job.listing.attributes.text
        job.masked = mask(text) if text else None


def caption(jobs: Sequence[Job], captioner: Captioner) -> None:
    """Generate the drafts of all jobs as one batch. Raises `CheckpointError` when the captioner fails."""
    jobs = [job for job in jobs if job.shows_known or (job.masked and captioner.reads_attributes)]
    if not jobs:
        return
    prompts = [_build_prompt(job, captioner) for job in jobs]
    try:
        drafts = captioner.generate(prompts)
    # Weights that do not fit their configuration or processor fail in as many ways as there are models.
    except Exception as error:
        checkpoint = f"captioner/{captioner.name}"
        raise CheckpointError("checkpoint-unusable", checkpoint=checkpoint, reason=first_line(error)) from error
    for job, draft in zip(jobs, drafts, strict=True):
        job.draft = _UNPRINTABLE.sub("", draft)


def write(jobs: Sequence[Job], checks: Checks) -> None:
    """Write the texts: what of the drafts the facts support, then the seller's own facts by rule.

    The draft that is kept has mask tokens in place of the seller's numbers, the text the numbers or blanks; contacts
    are erased if so configured.
    """
    for job in jobs:
        values = job.masked.values if job.masked else {}
        written = write_text(job.draft or "", job.sheets, job.listing.attributes, job.seed)
        job.draft, job.claims = mask_against(written.text, values), written.claims
        text = written.text if job.numbers == "values" else unmask(job.draft, values, job.numbers)
        job.text = checks.apply_contact_policy(text)


def review(jobs: Sequence[Job], checks: Checks) -> None:
    """Moderate the generated texts. A listing of which nothing is known gets no text, and a reason that says so."""
    texts = checks.review([job.moderation for job in jobs], [job.text or "" for job in jobs])
    for job, moderation in zip(jobs, texts, strict=True):
        job.moderation = moderation if job.text else moderation.add_reason("text", Message("nothing-described"))


def score(jobs: Sequence[Job], clip: Clip) -> None:
    """Score the generated texts against photos and attributes."""
    texts = _encode_texts(clip, [job.text or "" for job in jobs])
    for job, text in zip(jobs, texts, strict=True):
        # With blanks in their place the numbers are left to the seller.
        kept = None if job.numbers == "blanks" else measure_kept(job.listing.attributes.text, job.text or "")
        job.scores = compute_scores(job.features, job.source, text, kept)


def _name_photos(moderation: Moderation, job: Job) -> Moderation:
    """Return the verdicts with the photo numbers of the listing, and a reason that names its blank photos."""
    photos = list(enumerate(job.listing.photos, start=1))
    blank = [str(number) for number, photo in photos if photo.is_blank]
    moderation = moderation.name_photos([number for number, photo in photos if not photo.is_blank])
    if not blank or any(check.reason and check.name == "photos" for check in moderation.checks):
        return moderation
    return moderation.add_reason("photos", Message("photos-blank", {"count": len(blank), "numbers": ", ".join(blank)}))


@contextmanager
def _measure(jobs: Sequence[Job], name: Literal["moderate_s", "generate_s", "score_s"]) -> Iterator[None]:
    """Record each job's equal share of the seconds that the block takes."""
    start = perf_counter()
    yield
    share = (perf_counter() - start) / max(1, len(jobs))
    for job in jobs:
        job.timings = replace(job.timings, **{name: share})


def _encode_texts(clip: Clip, texts: Sequence[str]) -> list[EncodedText]:
    features = clip.encode_texts(texts)
    return [
        EncodedText(embedding, tokens) for embedding, tokens in zip(features.embeddings, features.tokens, strict=True)
    ]


def _build_prompt(job: Job, captioner: Captioner) -> Prompt:
    images, features = tuple(photo.image for photo in job.listing.visible_photos), job.features
    if len(images) > captioner.max_photos:
        kept = select_photos(features.embeddings, job.source.embedding if job.source else None, captioner.max_photos)
        images = tuple(images[index] for index in kept)
        features = ImageFeatures(features.embeddings[kept], features.states[kept])
    return Prompt(
        images=images,
        features=features,
        masked=job.masked.text if job.masked and captioner.reads_attributes else "",
        token=job.diversity.token if job.diversity else "<SINGLE>",
        mask_tokens=frozenset(job.masked.values) if job.masked and captioner.reads_attributes else frozenset(),
        seed=job.seed,
        sheets=job.sheets,
    )


def _build_description(job: Job, checkpoint: str) -> Description:
    return Description(
        text=job.text if job.moderation.passed and job.text else None,
        checkpoint=checkpoint,
        mode=job.listing.mode,
        diversity=job.diversity,
        masked=job.masked.text if job.masked else None,
        draft=job.draft,
        moderation=job.moderation,
        scores=job.scores,
        timings=replace(job.timings, total_s=sum(astuple(job.timings))),
        facts=tuple(dict.fromkeys(f for sheet in job.sheets for f in sheet.facts if f.probability >= MIN_PROBABILITY)),
        claims=job.claims,
        needs_confirmation=job.needs_confirmation,
        unsure=job.unsure,
        seed=job.seed,
        things=tuple(sheet.item for sheet in job.sheets if sheet.item),
    )
