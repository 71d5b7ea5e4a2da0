"""Render the moderation report for an owner: curves, counts, and the judgements nearest to the threshold, blurred.

One HTML file without scripts and network. Words are passed in: this module knows no language.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Final

from evaluation.moderation import Judgement, compute_roc, find_nearest, summarise_by_kind
from inference.errors import Message
from inference.listing.photos import load_photo

SHOWN = 24
EDGE = 160
Translate = Callable[[Message], str]

_STYLE = Path(__file__).with_name("report.css").read_text("utf-8")
# Names of checks, figures and kinds of judgements → message codes.
_NAMES: Final[Mapping[str, str]] = {
    "match": "moderation-match",
    "photos": "moderation-photos",
    "own_against_other_caption_auc": "moderation-own-auc",
    "foreign_auc": "moderation-foreign-auc",
    "album_foreign_named": "moderation-album-named",
    "album_only_foreign_named": "moderation-album-only-named",
    "auc": "moderation-auc",
    "caption": "moderation-caption",
    "fields": "moderation-fields",
    "ad": "moderation-ad",
    "swapped": "moderation-swapped",
    "foreign": "moderation-foreign",
    "album": "moderation-album",
    "clothes": "moderation-clothes",
    "nude": "moderation-nude",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One check: name, judgements, threshold of its score, and the direction of the score.

    figures: single numbers by name; labels: of a detector, least score → number of photos per label.
    """

    name: str
    judgements: Sequence[Judgement]
    threshold: float
    higher_is_worse: bool
    figures: Mapping[str, float | None]
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def summary(self) -> dict[str, object]:
        """Return everything that was measured, for JSON."""
        labels = {"labels": self.labels} if self.labels else {}
        return {**self.figures, **labels, **summarise_by_kind(self.judgements)}


def render_page(chapters: Sequence[Chapter], words: Translate) -> str:
    """Render the whole page as HTML."""
    body = "".join(_chapter(chapter, words) for chapter in chapters)
    title, clear = (escape(words(Message(code))) for code in ("moderation-page", "moderation-page-clear"))
    return (
        f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f'<input type="checkbox" id="clear"> <label for="clear">{clear}</label>'
        f"<main>{body}</main>"
    )


def _chapter(chapter: Chapter, words: Translate) -> str:
    cards = "".join(_card(each, words) for each in find_nearest(chapter.judgements, chapter.threshold, SHOWN))
    return (
        f"<h2>{_name(chapter.name, words)}</h2>{_kinds(chapter.judgements, words)}{_figures(chapter.figures, words)}"
        f"{_curve(chapter, words)}{_labels(chapter.labels, words)}"
        f"<h3>{escape(words(Message('moderation-page-nearest', {'threshold': f'{chapter.threshold:.3f}'})))}</h3>"
        f'<div class="cards">{cards}</div>'
    )


def _name(name: str, words: Translate) -> str:
    return escape(words(Message(_NAMES[name])))


def _table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Render rows of a name and its numbers as HTML; cells are escaped already."""
    return f"<table>{_row(head, 'th') if head else ''}{''.join(map(_row, rows))}</table>"


def _row(cells: Sequence[object], tag: str = "td") -> str:
    name, *numbers = cells
    # HTML does not require end tags of rows and cells.
    return f"<tr><{tag}>{name}" + "".join(f"<{tag} class=n>{number}" for number in numbers)


def _figures(figures: Mapping[str, float | None], words: Translate) -> str:
    rows = [(_name(name, words), f"{value:.3f}") for name, value in figures.items() if value is not None]
    return _table(rows) if rows else ""


def _labels(labels: Mapping[str, Mapping[str, int]], words: Translate) -> str:
    """Render the number of photos per label by least score."""
    if not labels:
        return ""
    levels = sorted({level for counts in labels.values() for level in counts})
    head = [escape(words(Message("moderation-labels"))), *(f"≥ {level}" for level in levels)]
    return _table(
        ([escape(label), *(counts.get(level, 0) for level in levels)] for label, counts in labels.items()), head
    )


def _kinds(judgements: Sequence[Judgement], words: Translate) -> str:
    """Render the confusion at the threshold: per kind how many there are, are judged, are refused and are warned of."""
    head = [
        words(Message(code))
        for code in ("moderation-count", "moderation-judged", "moderation-refused", "moderation-warned")
    ]
    rows = (
        (_name(kind, words), row["count"], row["judged"], f"{row['refused']:.2%}", f"{row['warned']:.2%}")
        for kind, row in summarise_by_kind(judgements).items()
    )
    return _table(rows, ["", *map(escape, head)])


def _curve(chapter: Chapter, words: Translate) -> str:
    points = " ".join(
        f"{200 * x:.1f},{200 - 200 * y:.1f}" for x, y in compute_roc(chapter.judgements, chapter.higher_is_worse)
    )
    if not points:
        return ""
    caption = escape(words(Message("moderation-curve")))
    line = f'<polyline points="{points}" fill="none" stroke="#06c"/>'
    return f'<figure><svg width="200" height="200">{line}</svg><figcaption>{caption}</figcaption></figure>'


def _card(judgement: Judgement, words: Translate) -> str:
    verdict = judgement.verdict
    pictures = "".join(f'<img src="{_picture(path)}" alt="">' for path in judgement.photos[:5])
    reason = words(verdict.reason) if verdict.reason else ""
    frame = "card no" if judgement.is_refused else "card"
    return (
        f'<div class="{frame}">{pictures}<p><b>{_name(judgement.kind, words)}</b> {verdict.score:.3f}'
        f"<p>{escape(judgement.text[:160])}<p>{escape(reason)}</div>"
    )


def _picture(path: Path) -> str:
    image = load_photo(path)
    image.thumbnail((EDGE, EDGE))  # embedded, so that the page stays one file of a size that can be sent
    data = BytesIO()
    image.save(data, "jpeg", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
