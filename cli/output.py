"""A description as the JSON of `--json` and as a page for reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from bot.views.replies import SCORES, TIMINGS
from inference.errors import Message
from inference.listing.types import Description, Moderation
from locales.translate import Translate

DIGITS = 4


def as_json(description: Description, translate: Translate) -> dict[str, object]:
    """The object that `describe --json` and `batch` print; reasons are sentences in the user's language."""
    diversity = description.diversity
    return {
        "text": description.text,
        "checkpoint": description.checkpoint,
        "mode": description.mode,
        "diversity": diversity and {"score": round(diversity.score, DIGITS), "token": diversity.token},
        "masked": description.masked,
        "draft": description.draft,
        "moderation": _moderation(description.moderation, translate),
        "scores": _rounded(asdict(description.scores)),
        "timings": _rounded(asdict(description.timings)),
    }


def page(description: Description, translate: Translate) -> str:
    """The text of a listing that passed, then its scores and times, one row each."""
    scores = _rows(asdict(description.scores), SCORES, translate)
    if description.diversity is not None:
        label = translate(Message("score-diversity", {"token": description.diversity.token}))
        scores[label] = description.diversity.score
    times = _rows(asdict(description.timings), TIMINGS, translate)
    width = max(len(label) for label in (*scores, *times))
    return "\n\n".join(
        [
            description.text or "",
            _table(translate(Message("page-scores", {"checkpoint": description.checkpoint})), scores, width),
            _table(translate(Message("page-times")), times, width),
        ]
    )


def refusals(moderation: Moderation, translate: Translate) -> list[str]:
    """A sentence for each check that said no."""
    return [translate(check.reason) for check in moderation.checks if check.reason is not None and not check.passed]


def _moderation(moderation: Moderation, translate: Translate) -> dict[str, object]:
    checks = [
        {
            "name": check.name,
            "passed": check.passed,
            "score": None if check.score is None else round(check.score, DIGITS),
            "reason": check.reason and translate(check.reason),
        }
        for check in moderation.checks
    ]
    return {"passed": moderation.passed, "checks": checks}


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in values.items()}


def _rows(
    values: Mapping[str, float | None], labels: Mapping[str, Message], translate: Translate
) -> dict[str, float | None]:
    return {translate(labels[name]): value for name, value in values.items()}


def _table(title: str, rows: Mapping[str, float | None], width: int) -> str:
    lines = (f"  {label:<{width}}  {'—' if value is None else f'{value:.2f}':>5}" for label, value in rows.items())
    return "\n".join([title, *lines])
