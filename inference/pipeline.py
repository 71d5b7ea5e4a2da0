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
from time import perf_counter
from typing import Literal

from inference.captioners.base import Captioner, Prompt
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, first_line
from inference.facts.photos import PhotoClassifier
from inference.listing.job import Job
from inference.listing.types import Description, Diversity, OnProgress
from inference.masking import mask, measure_kept, unmask
from inference.moderation.checks import Checks, Evidence
from inference.moderation.photo_index import encode_photos
from inference.scoring import EncodedText, compute_scores, select_photos

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
        mask_numbers(passed)
        classify_diversity(passed, models.diversity)
        caption(passed, models.captioner)
        unmask_numbers(passed, models.checks)
        review(passed, models.checks)
    on_progress("scoring")
    passed = [job for job in passed if job.moderation.passed]
    with _measure(passed, "score_s"):
        score(passed, models.clip)
    return [_build_description(job, models.captioner.name) for job in jobs]


def moderate(jobs: Sequence[Job], models: Models) -> None:
    """Encode the photos and attributes of all jobs, and judge every listing."""
    images = [photo.image for job in jobs for photo in job.listing.photos]
    nudity = models.checks.detect_nudity(images)  # runs in its own thread meanwhile
    features, out_of_domain = encode_photos(models.clip, models.checks.out_of_domain_detector, images)
    texts = [job.listing.attributes.text for job in jobs]
    sources = iter(_encode_texts(models.clip, [text for text in texts if text]))
    detections = nudity.result()
    evidence = []
    end = 0
    for job, text in zip(jobs, texts, strict=True):
        start, end = end, end + len(job.listing.photos)
        photos = slice(start, end)
        job.features, job.source = features[photos], next(sources) if text else None
        evidence.append(
            Evidence(
                text=text,
                text_embedding=job.source.embedding if job.source else None,
                image_features=job.features,
                out_of_domain=None if out_of_domain is None else out_of_domain[photos],
                detections=detections[photos],
            )
        )
    for job, moderation in zip(jobs, models.checks.judge(evidence), strict=True):
        job.moderation = moderation


def mask_numbers(jobs: Sequence[Job]) -> None:
    """Replace the numbers of the attributes with mask tokens."""
    for job in jobs:
        text = job.listing.attributes.text
        job.masked = mask(text) if text else None


def classify_diversity(jobs: Sequence[Job], classifier: DiversityClassifier) -> None:
    """Score how likely each listing with photos offers different things."""
    for job in jobs:
        if job.listing.photos:
            job.diversity = Diversity(classifier.score(job.features, job.source.embedding if job.source else None))


def caption(jobs: Sequence[Job], captioner: Captioner) -> None:
    """Generate the drafts of all jobs as one batch. Raises `CheckpointError` when the captioner fails."""
    if not jobs:
        return
    prompts = [_build_prompt(job, captioner.max_photos) for job in jobs]
    try:
        drafts = captioner.generate(prompts)
    # Weights that do not fit their configuration or processor fail in as many ways as there are models.
    except Exception as error:
        checkpoint = f"captioner/{captioner.name}"
        raise CheckpointError("checkpoint-unusable", checkpoint=checkpoint, reason=first_line(error)) from error
    for job, draft in zip(jobs, drafts, strict=True):
        job.draft = _UNPRINTABLE.sub("", draft)


def unmask_numbers(jobs: Sequence[Job], checks: Checks) -> None:
    """Turn the drafts into texts: put the seller's numbers back, erase all others, and contacts if so configured."""
    for job in jobs:
        values = job.masked.values if job.masked else {}
        job.text = checks.apply_contact_policy(unmask(job.draft or "", values, job.numbers))


def review(jobs: Sequence[Job], checks: Checks) -> None:
    """Moderate the generated texts."""
    moderations = checks.review([job.moderation for job in jobs], [job.text or "" for job in jobs])
    for job, moderation in zip(jobs, moderations, strict=True):
        job.moderation = moderation


def score(jobs: Sequence[Job], clip: Clip) -> None:
    """Score the generated texts against photos and attributes."""
    texts = _encode_texts(clip, [job.text or "" for job in jobs])
    for job, text in zip(jobs, texts, strict=True):
        # With blanks in their place the numbers are left to the seller.
        kept = None if job.numbers == "blanks" else measure_kept(job.listing.attributes.text, job.text or "")
        job.scores = compute_scores(job.features, job.source, text, kept)


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


def _build_prompt(job: Job, max_photos: int) -> Prompt:
    images, features = tuple(photo.image for photo in job.listing.photos), job.features
    if len(images) > max_photos:
        kept = select_photos(features.embeddings, job.source.embedding if job.source else None, max_photos)
        images = tuple(images[index] for index in kept)
        features = ImageFeatures(features.embeddings[kept], features.states[kept])
    return Prompt(
        images=images,
        features=features,
        masked=job.masked.text if job.masked else "",
        token=job.diversity.token if job.diversity else "<SINGLE>",
        mask_tokens=frozenset(job.masked.values) if job.masked else frozenset(),
        seed=job.seed,
    )


def _build_description(job: Job, checkpoint: str) -> Description:
    return Description(
        text=job.text if job.moderation.passed else None,
        checkpoint=checkpoint,
        mode=job.listing.mode,
        diversity=job.diversity,
        masked=job.masked.text if job.masked else None,
        draft=job.draft,
        moderation=job.moderation,
        scores=job.scores,
        timings=replace(job.timings, total_s=sum(astuple(job.timings))),
    )
