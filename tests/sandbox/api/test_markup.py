"""HTML to text and entities, as Telegram reads it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api.entities import parse_text
from sandbox.api.markup import units
from sandbox.state.types import BotApiError


def entity(kind: str, offset: int, length: int, **more: str) -> dict[str, object]:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("plain", "plain", []),
        ("<b>a</b><strong>b</strong>", "ab", [entity("bold", 0, 1), entity("bold", 1, 1)]),
        ("<i>a</i> <em>b</em>", "a b", [entity("italic", 0, 1), entity("italic", 2, 1)]),
        ("<u>a</u><ins>b</ins>", "ab", [entity("underline", 0, 1), entity("underline", 1, 1)]),
        ("<s>a</s><strike>b</strike><del>c</del>", "abc", [entity("strikethrough", at, 1) for at in range(3)]),
        ("<tg-spoiler>a</tg-spoiler>", "a", [entity("spoiler", 0, 1)]),
        ('<span class="tg-spoiler">a</span>', "a", [entity("spoiler", 0, 1)]),
        ("<code>a</code>", "a", [entity("code", 0, 1)]),
        ("<pre>a</pre>", "a", [entity("pre", 0, 1)]),
        ('<pre><code class="language-python">a</code></pre>', "a", [entity("pre", 0, 1, language="python")]),
        ("<blockquote>a</blockquote>", "a", [entity("blockquote", 0, 1)]),
        ("<blockquote expandable>a</blockquote>", "a", [entity("expandable_blockquote", 0, 1)]),
        ("<a href='https://x.ru/?a=1&amp;b=2'>a</a>", "a", [entity("text_link", 0, 1, url="https://x.ru/?a=1&b=2")]),
        ("<a>x.ru</a>", "x.ru", [entity("text_link", 0, 4, url="http://x.ru")]),
        ("<a href='no'>a</a>", "a", []),
        ("<B>a</B>", "a", [entity("bold", 0, 1)]),
        ("<b>a</>", "a", [entity("bold", 0, 1)]),
        ("<b></b>a", "a", []),
        ("<b>a<i>b</i></b>", "ab", [entity("bold", 0, 2), entity("italic", 1, 1)]),
        ("<code><b>a</b></code>", "a", [entity("code", 0, 1)]),
        ("😀<b>😀</b>", "😀😀", [entity("bold", 2, 2)]),
        ("Ёж <b>и</b>", "Ёж и", [entity("bold", 3, 1)]),
        ("&lt;b&gt; &amp;amp; &quot; &#33; &#x21; &nbsp; & &lt", '<b> &amp; " ! ! &nbsp; & <', []),
        ("  <b> a </b>\n", "a", [entity("bold", 0, 1)]),
        ("/start now", "/start now", [entity("bot_command", 0, 6)]),
        ("see https://x.ru/a.", "see https://x.ru/a.", [entity("url", 4, 14)]),
        ("<code>/start</code>", "/start", [entity("code", 0, 6)]),
        ("<b>/start</b>", "/start", [entity("bold", 0, 6), entity("bot_command", 0, 6)]),
    ],
)
def test_html_becomes_text_and_entities(html: str, text: str, entities: list[dict[str, object]]) -> None:
    assert parse_text(html, "HTML") == (text, entities)


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("ё<foo>a</foo>", 'Unsupported start tag "foo" at byte offset 2'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<a href='x>a</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=x", 'Unclosed start tag "a" at byte offset 0'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<b><i>a</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(html: str, reason: str) -> None:
    with pytest.raises(BotApiError) as caught:
        parse_text(html, "HTML")
    assert (caught.value.code, caught.value.description) == (400, f"Bad Request: can't parse entities: {reason}")


@pytest.mark.parametrize("mode", ["MarkdownV2", "Markdown", "nonsense"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(BotApiError, match="Bad Request"):
        parse_text("a", mode)


@given(st.text(alphabet="<>/&b i=\"';#x1aё😀amp"))
def test_no_text_breaks_the_reading(html: str) -> None:
    """Whatever comes is read or refused, and every entity lies inside the text."""
    with suppress(BotApiError):
        text, entities = parse_text(html, "HTML")
        assert all(one["offset"] >= 0 and one["offset"] + one["length"] <= units(text) for one in entities)
        assert all(one["length"] > 0 for one in entities)
