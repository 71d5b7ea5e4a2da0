"""Descriptions as JSON for programs and as pages for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from bot.views.text import SCORES, TIMINGS
from inference.errors import Message
from inference.facts.types import Fact
from inference.listing.types import Description, Moderation
from locales.translate import Translate

DIGITS = 4


def to_json(description: Description, translate: Translate) -> dict[str, object]:
    """Return the object that `describe --json` and `batch` print, with reasons in the user's language."""
    diversity = description.diversity
    return {
        "text": description.text,
        "checkpoint": description.checkpoint,
        "mode": description.mode,
        "diversity": diversity and {"score": round(diversity.score, DIGITS), "token": diversity.token},
        "masked": description.masked,
        "draft": description.draft,
        "facts": [_fact_to_json(fact) for fact in description.facts],
        "claims": [asdict(claim) for claim in description.claims],
        "moderation": _moderation_to_json(description.moderation, translate),
        "scores": _round(asdict(description.scores)),
        "timings": _round(asdict(description.timings)),
    }


def _fact_to_json(fact: Fact) -> dict[str, object]:
    return {**asdict(fact), "probability": round(fact.probability, DIGITS)}


def format_page(description: Description, translate: Translate) -> str:
    """Return the text of a listing that passed moderation, its scores and its times."""
    scores = _label(asdict(description.scores), SCORES, translate)
    if description.diversity is not None:
        label = translate(Message("score-diversity", {"token": description.diversity.token}))
        scores[label] = description.diversity.score
    times = _label(asdict(description.timings), TIMINGS, translate)
    width = max(len(label) for label in (*scores, *times))
    return "\n\n".join(
        [
            description.text or "",
            _format_table(translate(Message("page-scores", {"checkpoint": description.checkpoint})), scores, width),
            _format_table(translate(Message("page-times")), times, width),
        ]
    )


def format_reasons(moderation: Moderation, translate: Translate) -> str:
    """Return why there is no text, one reason a line: those of the checks that failed, else those of all checks."""
    failed = [check for check in moderation.checks if not check.passed] or moderation.checks
    return "\n".join(translate(check.reason) for check in failed if check.reason is not None)


def _moderation_to_json(moderation: Moderation, translate: Translate) -> dict[str, object]:
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


def _round(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in values.items()}


def _label(
    values: Mapping[str, float | None], labels: Mapping[str, Message], translate: Translate
) -> dict[str, float | None]:
    return {translate(labels[name]): value for name, value in values.items()}


def _format_table(title: str, rows: Mapping[str, float | None], width: int) -> str:
    lines = (f"  {label:<{width}}  {'—' if value is None else f'{value:.2f}':>5}" for label, value in rows.items())
    return "\n".join([title, *lines])
