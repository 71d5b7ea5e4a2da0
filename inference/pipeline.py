"""From a checked listing to the description: moderate, mask, diversity, caption, unmask, score.

Every step works on all listings at once, so that models see batches; errors and refusals are results, not
exceptions, and harm no other listing. It knows no file, no device and no model class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from time import perf_counter

from PIL import Image
from torch import Tensor

from inference.captioners.base import Captioner, Prompt
from inference.clip.dual_encoder import Clip, ImageFeatures, TextFeatures
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, InvalidInput, first_line
from inference.listing.types import (
    Checked,
    Description,
    Diversity,
    Listing,
    Masked,
    Moderation,
    Scores,
    Stage,
    Timings,
)
from inference.masking import mask, unmask
from inference.moderation.checks import Checks, Evidence
from inference.moderation.gallery import encode_photos
from inference.scoring import best_photos, score

# What nobody can read: control characters, and what stands for a letter that was cut in half where a text ends.
_UNREADABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]")


@dataclass(frozen=True, slots=True)
class Models:
    """Everything trained that the pipeline asks."""

    clip: Clip
    captioner: Captioner
    diversity: DiversityClassifier
    checks: Checks


@dataclass(frozen=True, slots=True)
class _Work:
    """A valid listing on its way, and what is known of it so far."""

    checked: Checked
    timings: Timings
    views: ImageFeatures
    source: tuple[Tensor, Tensor] | None
    moderation: Moderation
    masked: Masked | None = None
    diversity: Diversity | None = None
    draft: str | None = None
    text: str | None = None
    scores: Scores = field(default_factory=Scores)

    @property
    def listing(self) -> Listing:
        """What is described."""
        return self.checked.listing


def describe(
    checked: Sequence[Checked | InvalidInput],
    models: Models,
    on_progress: Callable[[Stage], object] = lambda stage: None,
) -> list[Description | InvalidInput]:
    """The description of every listing that `validation.check` let pass, in order; errors stay in their places.

    `on_progress` hears of each stage before it begins. Raises `CheckpointError` where the captioner fails to write.
    """
    on_progress("reading")
    work = _moderated([each for each in checked if not isinstance(each, InvalidInput)], models)
    on_progress("writing")
    work = _of_passed(work, _captioned, models)
    on_progress("scoring")
    done = iter(_of_passed(work, _scored, models))
    return [e if isinstance(e, InvalidInput) else _description(next(done), models.captioner.name) for e in checked]


def _of_passed(
    work: Sequence[_Work], step: Callable[[Sequence[_Work], Models], list[_Work]], models: Models
) -> list[_Work]:
    """The work after a step that only what has passed so far takes."""
    taken = iter(step([each for each in work if each.moderation.passed], models))
    return [next(taken) if each.moderation.passed else each for each in work]


def _moderated(checked: Sequence[Checked], models: Models) -> list[_Work]:
    """One look at all photos, one reading of all texts, and the verdicts."""
    start = perf_counter()
    listings = [each.listing for each in checked]
    images = [photo.image for listing in listings for photo in listing.photos]
    found = models.checks.look(images)
    looked = _looked(models, images, [len(listing.photos) for listing in listings])
    texts = [listing.attributes.text for listing in listings]
    sources = _read(models.clip, texts)
    findings = iter(found.result())
    seen = [
        Evidence(text, source[0] if source else None, *look, list(islice(findings, len(look[0]))))
        for text, source, look in zip(texts, sources, looked, strict=True)
    ]
    moderations, views = models.checks.judge(seen), [each.views for each in seen]
    share = (perf_counter() - start) / max(1, len(checked))
    timings = [Timings(validate_s=each.seconds, moderate_s=share) for each in checked]
    return [_Work(*each) for each in zip(checked, timings, views, sources, moderations, strict=True)]


def _looked(
    models: Models, images: Sequence[Image.Image], counts: Sequence[int]
) -> list[tuple[ImageFeatures, Tensor | None]]:
    """What is seen in each listing's photos and how foreign they are, all looked at as one batch."""
    views, foreign = encode_photos(models.clip, models.checks.foreign, images)
    parts = [slice(end - count, end) for end, count in zip(accumulate(counts), counts, strict=True)]
    return [(views[part], None if foreign is None else foreign[part]) for part in parts]


def _read(clip: Clip, texts: Sequence[str]) -> list[tuple[Tensor, Tensor] | None]:
    """Embedding and token states of each text, all read as one batch; None for an empty text."""
    read = iter(_pairs(clip.encode_texts([text for text in texts if text])))
    return [next(read) if text else None for text in texts]


def _pairs(views: TextFeatures) -> list[tuple[Tensor, Tensor]]:
    return list(zip(views.embeddings, views.tokens, strict=True))


def _captioned(work: Sequence[_Work], models: Models) -> list[_Work]:
    """Masked, told one from many, written as one batch, the numbers put back."""
    start = perf_counter()
    prepared = [_prepared(each, models) for each in work]
    written = _written([_prompt(each, models.captioner) for each in prepared], models.captioner) if work else []
    drafts = [_UNREADABLE.sub("", draft) for draft in written]
    done = []
    for each, draft in zip(prepared, drafts, strict=True):
        text = unmask(draft, each.masked.values if each.masked else {}, each.checked.numbers)
        done.append(replace(each, draft=draft, text=models.checks.published(text)))
    reviewed = models.checks.review([each.moderation for each in done], [each.text or "" for each in done])
    done = [replace(each, moderation=moderation) for each, moderation in zip(done, reviewed, strict=True)]
    share = (perf_counter() - start) / max(1, len(work))
    return [replace(each, timings=replace(each.timings, generate_s=share)) for each in done]


def _prepared(work: _Work, models: Models) -> _Work:
    text = work.listing.attributes.text
    source = work.source[0] if work.source else None
    diversity = Diversity(models.diversity.score(work.views, source)) if work.listing.photos else None
    return replace(work, masked=mask(text) if text else None, diversity=diversity)


def _prompt(work: _Work, captioner: Captioner) -> Prompt:
    images, views = tuple(photo.image for photo in work.listing.photos), work.views
    if len(images) > captioner.max_photos:
        kept = best_photos(views.embeddings, work.source[0] if work.source else None, captioner.max_photos)
        images, views = tuple(images[n] for n in kept), ImageFeatures(views.embeddings[kept], views.states[kept])
    return Prompt(
        images=images,
        features=views,
        masked=work.masked.text if work.masked else "",
        token=work.diversity.token if work.diversity else "<SINGLE>",
        mask_tokens=frozenset(work.masked.values) if work.masked else frozenset(),
        seed=work.checked.seed,
    )


def _written(prompts: Sequence[Prompt], captioner: Captioner) -> list[str]:
    try:
        return captioner.generate(prompts)
    # Weights that do not fit their configuration or their processor fail in as many ways as models compute.
    except Exception as error:
        unusable = f"captioner/{captioner.name}"
        raise CheckpointError("checkpoint-unusable", checkpoint=unusable, reason=first_line(error)) from error


def _scored(work: Sequence[_Work], models: Models) -> list[_Work]:
    start = perf_counter()
    results = _pairs(models.clip.encode_texts([each.text or "" for each in work]))
    scores = [score(each.views, each.source, result) for each, result in zip(work, results, strict=True)]
    share = (perf_counter() - start) / max(1, len(work))
    timed = [replace(each.timings, score_s=share) for each in work]
    return [replace(each, scores=s, timings=t) for each, s, t in zip(work, scores, timed, strict=True)]


def _description(work: _Work, checkpoint: str) -> Description:
    spent = work.timings
    total = spent.validate_s + spent.moderate_s + spent.generate_s + spent.score_s
    return Description(
        text=work.text if work.moderation.passed else None,
        checkpoint=checkpoint,
        mode=work.listing.mode,
        diversity=work.diversity,
        masked=work.masked.text if work.masked else None,
        draft=work.draft,
        moderation=work.moderation,
        scores=work.scores,
        timings=replace(spent, total_s=total),
    )
