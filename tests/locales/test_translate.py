"""Messages become sentences: counts, names and numbers as the language writes them."""

from __future__ import annotations

import pytest

from inference.errors import Message
from locales.translate import language_of, translate


class TestRender:
    @pytest.mark.parametrize(
        ("count", "language", "start"),
        [
            (11, "ru", "Пришло 11 фотографий,"),
            (21, "ru", "Пришла 21 фотография,"),
            (22, "ru", "Пришло 22 фотографии,"),
            (12_345, "ru", "Пришло 12\u00a0345 фотографий,"),
            (21, "en", "21 photos came,"),
            (1, "en", "1 photo came,"),
        ],
    )
    def test_counts_take_the_right_form(self, count: int, language: str, start: str) -> None:
        assert translate(Message("too-many-photos", {"count": count, "limit": 10}), language).startswith(start)

    @pytest.mark.parametrize(
        ("name", "language", "photo"),
        [("", "ru", " фото 3:"), ("", "en", " photo 3:"), ("IMG 1.jpg", "ru", " «IMG 1.jpg»:"), ("a", "en", " “a”:")],
    )
    def test_a_photo_is_called_by_its_name_or_its_number(self, name: str, language: str, photo: str) -> None:
        assert photo in translate(Message("photo-damaged", {"name": name, "number": 3}), language)

    def test_numbers_are_written_as_the_language_does(self) -> None:
        message = Message("photo-too-big", {"name": "", "number": 1, "megabytes": 25.1, "limit": 25})
        assert "весит 25,1 МБ, а принимается до 25 МБ" in translate(message)
        assert "has 25.1 MB, and up to 25 MB" in translate(message, "en")

    def test_a_name_with_braces_is_no_placeholder(self) -> None:
        assert "«{limit}»" in translate(Message("photo-empty", {"name": "{limit}", "number": 1}))

    def test_an_unknown_code_is_a_bug(self) -> None:
        with pytest.raises(KeyError, match="no-such-code"):
            translate(Message("no-such-code"))

    def test_a_missing_detail_is_a_bug(self) -> None:
        with pytest.raises(KeyError, match="limit"):
            translate(Message("nothing-sent"))


@pytest.mark.parametrize(
    ("code", "language"), [("ru", "ru"), ("uk", "ru"), ("be", "ru"), (None, "ru"), ("en", "en"), ("pt-br", "en")]
)
def test_a_new_user_is_spoken_to_in_the_language_of_his_telegram(code: str | None, language: str) -> None:
    assert language_of(code) == language
