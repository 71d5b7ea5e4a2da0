"""Translate messages into sentences, from the gettext catalogues in `locales/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LANGUAGES: Final = ("ru", "en")
LOCALES: Final = Path(__file__).parent
DOMAIN: Final = "opisalka"

# Languages whose speakers read Russian more easily than English.
READ_RUSSIAN: Final = {"ru", "uk", "be", "kk", "ky", "uz", "tg", "tk", "az", "hy", "ka", "tt", "ba", "cv"}


class Translatable(Protocol):
    """A code of the catalogue and the values of the fields in its sentence."""

    @property
    def code(self) -> str:
        """The `msgid` of the sentence."""

    @property
    def details(self) -> Mapping[str, str | int | float]:
        """Field name → value."""


Translate: TypeAlias = Callable[[Translatable], str]


def translate(message: Translatable, language: str = "ru") -> str:
    """Return the sentence for a message; `language` is a folder of `locales/`.

    Numbers are formatted in the language, with at most two decimals. The detail `count` chooses the plural
    form. `{photo}` stands for the file called `name`, or for photo number `number` (from 1) where the name is empty.

    Raises `KeyError` for a code that the catalogue does not hold or a detail that the sentence needs and lacks.
    """
    details = {key: _format_value(value, language) for key, value in message.details.items()}
    if "number" in details:
        label = _get_template("photo-named" if details.get("name") else "photo-numbered", language)
        details["photo"] = label.format(**details)
    return _get_template(message.code, language, message.details.get("count")).format(**details)


def format_time(seconds: float, language: str) -> str:
    """Return a moment (unix seconds) as day, month, hour and minute, in the time zone of this machine."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    return f"{format_date(moment, 'd MMM', locale=language)}, {moment:%H:%M}"


def language_of(code: str | None) -> str:
    """Return the first language for a `language_code` of Telegram, such as «ru», «be» or «pt-br»."""
    return "ru" if (code or "ru").partition("-")[0].lower() in READ_RUSSIAN else "en"


@cache
def catalogue(language: str) -> GNUTranslations:
    """Return the catalogue of a language, compiled in memory."""
    compiled = BytesIO()
    with (LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)


def _format_value(value: str | int | float, language: str) -> str:
    return value if isinstance(value, str) else format_decimal(value, "#,##0.##", locale=language)


def _get_template(code: str, language: str, count: object = None) -> str:
    sentences = catalogue(language)
    template = sentences.ngettext(code, code, count) if isinstance(count, int) else code
    if template == code:  # gettext returns the msgid where it has no translation
        template = sentences.gettext(code)
    if template == code:
        raise KeyError(code)
    return template
