"""The page for an owner: curves, counts, and the judgements nearest to the threshold, their pictures blurred.

One file without scripts and without the network. Words come from outside: this module knows no language.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from evaluation.moderation import Judged, nearest, refused_by_kind, roc
from inference.errors import Message

SHOWN = 24
EDGE = 160
Words = Callable[[Message], str]

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:.8rem}
.card{border:1px solid #ddd;border-radius:.4rem;padding:.5rem;overflow:hidden}.card p{margin:.3rem 0;font-size:.85rem}
.card img{height:7rem;margin-right:.2rem;filter:blur(14px)}#clear:checked~main img{filter:none}
.no{border-color:#c33}svg{background:#fafafa;border:1px solid #ddd}
"""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One check: its name, what it judged, the threshold of its score, and which way the score points."""

    name: str
    judged: Sequence[Judged]
    threshold: float
    higher_is_worse: bool
    figures: Mapping[str, object]


def page(chapters: Sequence[Chapter], words: Words) -> str:
    """The whole page as HTML."""
    body = "".join(_chapter(chapter, words) for chapter in chapters)
    title, clear = (escape(words(Message(code))) for code in ("moderation-page", "moderation-page-clear"))
    return (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>'
        f'<input type="checkbox" id="clear"> <label for="clear">{clear}</label>'
        f"<main>{body}</main>"
    )


def _chapter(chapter: Chapter, words: Words) -> str:
    figures = "".join(f"<tr><td>{escape(n)}<td class=n>{escape(str(v))}" for n, v in chapter.figures.items())
    cards = "".join(_card(each, words) for each in nearest(chapter.judged, chapter.threshold, SHOWN))
    return (
        f"<h2>{escape(chapter.name)}</h2><table>{figures}</table>{_kinds(chapter.judged, words)}{_curve(chapter)}"
        f"<h3>{escape(words(Message('moderation-page-nearest', {'threshold': f'{chapter.threshold:.3f}'})))}</h3>"
        f'<div class="cards">{cards}</div>'
    )


def _kinds(judged: Sequence[Judged], words: Words) -> str:
    """The confusion at the threshold: of each kind, how many there are, are judged, and are refused."""
    names = [words(Message(code)) for code in ("moderation-count", "moderation-judged", "moderation-refused")]
    head = "".join(f"<th class=n>{escape(name)}" for name in names)
    rows = "".join(
        f"<tr><td>{escape(kind)}<td class=n>{row['count']}<td class=n>{row['judged']}<td class=n>{row['refused']:.2%}"
        for kind, row in refused_by_kind(judged).items()
    )
    return f"<table><tr><th>{head}{rows}</table>"


def _curve(chapter: Chapter) -> str:
    points = " ".join(f"{200 * x:.1f},{200 - 200 * y:.1f}" for x, y in roc(chapter.judged, chapter.higher_is_worse))
    if not points:
        return ""
    return f'<svg width="200" height="200"><polyline points="{points}" fill="none" stroke="#06c"/></svg>'


def _card(judged: Judged, words: Words) -> str:
    verdict = judged.verdict
    pictures = "".join(f'<img src="{_picture(path)}" alt="">' for path in judged.photos[:5])
    reason = words(verdict.reason) if verdict.reason else ""
    frame = "card no" if judged.refused else "card"
    return (
        f'<div class="{frame}">{pictures}<p><b>{escape(judged.kind)}</b> {verdict.score:.3f}'
        f"<p>{escape(judged.text[:160])}<p>{escape(reason)}</div>"
    )


def _picture(path: Path) -> str:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image.thumbnail((EDGE, EDGE))
    data = BytesIO()
    image.save(data, "jpeg", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
