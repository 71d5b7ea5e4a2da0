"""What is said fits Telegram, is safe HTML, and is right in both languages."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.draft import build_draft
from bot.views import draft as draft_views
from bot.views import text as text_views
from inference.checkpoints.card import Card
from inference.errors import Message
from inference.listing.cases import Case, list_cases
from locales.translate import LANGUAGES, Translate, translate
from storage.records import CheckpointStats, DescriptionRecord, Generation, Note, PhotoFile, Stats
from tests.bot.conversation.test_draft import EMPTY, parts, photo

both_languages = pytest.mark.parametrize("language", LANGUAGES)
ROOT = Path(__file__).parents[3]
WRITTEN = Generation(
    checkpoint="mini",
    text="Куртка.",
    draft=None,
    masked=None,
    mode="text",
    diversity=None,
    scores={"clipscore_mean": 0.3123, "bertscore": None, "numbers_kept": 0.5},
    timings={"total_s": 1.5},
    moderation=(),
    photo_sha256=(),
)


def say(language: str) -> Translate:
    """Sentences in a language."""
    return partial(translate, language=language)


class Tags(HTMLParser):
    """The tags of a text, which must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag in ("b", "blockquote")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestCard:
    @given(parts, st.lists(st.text(min_size=1, max_size=1500), max_size=3), st.sampled_from(LANGUAGES))
    def test_it_fits_a_message_and_is_sound_html(
        self, photos: list[PhotoFile], texts: list[str], language: str
    ) -> None:
        notes = tuple(Note(number, text) for number, text in enumerate(texts))
        draft = build_draft(replace(EMPTY, photos=tuple(photos), notes=notes), 20)
        shown = draft_views.format_card(draft, say(language), is_rewritten=True)
        assert len(shown) <= text_views.LENGTH
        Tags(shown)

    @both_languages
    def test_the_worst_of_everything_fits(self, language: str) -> None:
        """Escapes make a character five; long names, many attributes, many refused files."""
        text = "\n".join(f"{'&' * 30}{number}; Имя {'а' * number}: {'&' * 200}" for number in range(12))
        photos = tuple(
            replace(each, kind="document", name="&" * 60, mime="application/pdf") for each in map(photo, range(30))
        )
        shown = draft_views.format_card(
            build_draft(replace(EMPTY, photos=photos, notes=(Note(1, text),)), 20), say(language), is_rewritten=True
        )
        assert len(shown) <= text_views.LENGTH
        assert translate(Message("and-more", {"count": 1}), language).partition("1")[0] in unescape(shown)

    def test_free_text_is_shown_as_it_is(self) -> None:
        draft = build_draft(replace(EMPTY, notes=(Note(1, "Почти <новая> & тёплая\nЦена: 5000"),)), 20)
        shown = draft_views.format_card(draft, say("ru"))
        assert "• Почти &lt;новая&gt; &amp; тёплая\n• <b>Цена:</b> 5000" in shown


class TestTexts:
    def test_a_text_is_one_message_and_nothing_but_itself(self) -> None:
        assert text_views.split_text("Куртка <L> & шапка") == ["Куртка &lt;L&gt; &amp; шапка"]

    @given(st.text(alphabet="аб &<\n", max_size=9000))
    def test_a_long_one_is_cut_where_it_hurts_least_and_nothing_is_lost(self, text: str) -> None:
        pieces = text_views.split_text(text)
        assert all(len(piece) <= text_views.LENGTH for piece in pieces)
        assert "".join(unescape("".join(pieces)).split()) == "".join(text.split())

    @both_languages
    def test_the_scores_that_there_are_stand_in_a_folded_quote(self, language: str) -> None:
        shown = text_views.format_scores(WRITTEN, say(language), note="?")
        Tags(shown)
        assert shown.startswith("?\n\n<blockquote expandable>")
        assert translate(Message("score-clipscore-mean"), language) in shown
        assert translate(Message("score-bertscore"), language) not in shown
        assert translate(Message("score-numbers-kept"), language) in shown
        assert ("0,31" if language == "ru" else "0.31") in shown

    def test_each_reason_is_said_once(self) -> None:
        reason = Message("match-refused")
        shown = text_views.format_refusal([reason, reason], say("ru"))
        assert shown.count(translate(reason)) == 1

    @pytest.mark.parametrize("case", list_cases(ROOT / "testcases"), ids=lambda case: case.name)
    @both_languages
    def test_a_case_fits_under_its_photos(self, case: Case, language: str) -> None:
        shown = text_views.format_case_caption(case, language)
        Tags(shown)
        assert len(shown) <= text_views.CAPTION_LENGTH
        assert case.attributes.strip() in unescape(shown)


class TestLines:
    @pytest.mark.parametrize(
        ("count", "language", "text"),
        [
            (1, "ru", "перед вами 1 объявление."),
            (3, "ru", "перед вами 3 объявления."),
            (5, "ru", "перед вами 5 объявлений."),
            (21, "ru", "перед вами 21 объявление."),
            (1, "en", "1 ad is before yours."),
            (2, "en", "2 ads are before yours."),
        ],
    )
    def test_a_place_is_counted_as_the_language_does(self, count: int, language: str, text: str) -> None:
        assert draft_views.format_place(count, say(language)).endswith(text)

    def test_the_step_under_way_is_marked(self) -> None:
        assert draft_views.format_progress("writing", say("ru")) == "проверяю → читаю фото → <b>пишу</b> → оцениваю"

    @both_languages
    def test_a_model_is_described_by_its_card(self, language: str) -> None:
        summary = {"ru": "Р", "en": "E"}
        card = Card(
            folder=Path("captioner/mini"), family="f", version="1", languages=("ru",), max_photos=1, summary=summary
        )
        shown = text_views.format_model(card, 0.456, say(language), language)
        assert shown.startswith(f"<b>mini</b> — {'Р' if language == 'ru' else 'E'}\n")
        assert translate(Message("model-photos", {"count": 1}), language) in shown
        assert translate(Message("model-speed", {"seconds": 0.46}), language) in shown
        blind = text_views.format_model(replace(card, max_photos=0), None, say(language), language)
        assert translate(Message("model-no-photos"), language) in blind
        languages = translate(Message("model-languages", {"languages": "ru"}), language)
        assert languages in shown
        assert languages not in text_views.format_model(replace(card, languages=()), None, say(language), language)

    def test_a_size_is_printed_only_where_there_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"0" * 2_500_000)
        card = Card(folder=tmp_path, family="f", version="1", files={"model.safetensors": ""})
        assert "2,5 МБ" in text_views.format_model(card, None, say("ru"), "ru")
        assert "МБ" not in text_views.format_model(replace(card, files={"x": ""}), None, say("ru"), "ru")

    @pytest.mark.parametrize(
        ("text", "source", "label"),
        [
            ("Платье летнее, синее. Цена: 5000", "Цена: 5000 руб.\nразмер 44", "Платье летнее · 5000 руб."),
            ("Очень длинное название одной вещи", "price: 5", "Очень длинное название… · 5"),
            ("Шапка", "тёплая", "Шапка"),
            ("Шапка", '{"Цена": }', "Шапка"),
            ("Продаю вместе: поло и джинсы. Цена 1500.", "Цена: 1500", "Поло и джинсы · 1500"),
            ("Размер: 46. Прошу 900 руб.", "", "Размер: 46"),
        ],
    )
    def test_a_past_text_is_identified_by_item_price_and_time(self, text: str, source: str, label: str) -> None:
        past = DescriptionRecord(
            1, 1, 1, 1, 0, replace(WRITTEN, text=text), None, None, None, created_at=1764583200.0, source=source
        )
        shown = text_views.format_past_text(past, "ru")
        assert shown.startswith(f"{label} · 1 дек., ")
        assert "1 Dec, " in text_views.format_past_text(past, "en")

    @both_languages
    def test_statistics_name_what_was_wrong_in_words(self, language: str) -> None:
        judged = CheckpointStats(5, 3, 1, 1, 2, 0, {"item": 1})
        stats = Stats(2, 1, 4, {"done": 3}, {"mini": judged}, None)
        shown = text_views.format_stats(stats, say(language))
        Tags(shown)
        assert translate(Message("reason-item"), language) in shown
        assert translate(Message("stats-counts", {"users": 2, "blocked": 1, "listings": 4}), language) in shown

    def test_a_beginning_is_one_line(self) -> None:
        assert text_views.shorten("Куртка\nтёплая", 40) == "Куртка тёплая"
        assert text_views.shorten("абв где", 5) == "абв…"


def test_what_moderation_only_warns_of_is_said_once_below_the_card() -> None:
    warning = Message("contact-phone")
    said = draft_views.format_done([warning, warning], say("ru"))
    assert said.startswith(translate(Message("card-done")))
    assert said.count(translate(warning)) == 1
