"""Tests of the HTML report: one file, blurred pictures, escaped texts."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

from PIL import Image

from evaluation.moderation import Judgement
from evaluation.report import Chapter, render_page
from inference.errors import Message
from inference.listing.types import Verdict
from tests.support.models import tiny


def translate(message: Message) -> str:
    return f"<{message.code}>"


def chapter(folder: Path) -> Chapter:
    tiny.picture(1, (900, 600)).save(folder / "wide.png")
    refused = Verdict("match", passed=False, score=0.21, reason=Message("match-refused"))
    rows = [
        Judgement("foreign", (folder / "wide.png",), "<script>alert(1)</script>", True, refused),
        Judgement("caption", (folder / "wide.png",), "куртка", False, Verdict("match", score=0.5)),
        Judgement("caption", (), "без суждения", False, Verdict("match")),
    ]
    return Chapter("match", rows, 0.25, False, {"auc": 0.98, "foreign_auc": None}, {"FACE": {"0.25": 3}})


def test_the_page_stands_alone(tmp_path: Path) -> None:
    """No script, no address outside, pictures within, small and blurred until somebody asks."""
    html = render_page([chapter(tmp_path)], translate)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "http" not in html
    sources = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', html)
    assert len(sources) == 2
    assert max(Image.open(BytesIO(base64.b64decode(sources[0]))).size) == 160
    assert re.search(r"\.card img\{[^}]*filter:blur", html)


def test_words_come_from_outside_and_figures_are_there(tmp_path: Path) -> None:
    html = render_page([chapter(tmp_path)], translate)
    for code in ("moderation-page", "moderation-page-clear", "moderation-page-nearest", "match-refused"):
        assert f"&lt;{code}&gt;" in html
    assert "0.980" in html
    assert "None" not in html
    assert "100.00%" in html
    assert "<polyline" in html


def test_names_are_words_and_labels_a_table(tmp_path: Path) -> None:
    html = render_page([chapter(tmp_path)], translate)
    for code in ("moderation-match", "moderation-auc", "moderation-caption", "moderation-labels", "moderation-curve"):
        assert f"&lt;{code}&gt;" in html
    assert "<td>FACE<td class=n>3" in html
    assert "moderation-foreign-auc" not in html


def test_what_was_not_judged_has_no_card(tmp_path: Path) -> None:
    html = render_page([chapter(tmp_path)], translate)
    assert "без суждения" not in html
    assert html.index("&lt;script") < html.index("куртка")
