"""What a captioner is told in words: sentences of `locales/<language>/LC_MESSAGES/prompts.po`, filled with a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from inference.captioners.base import Prompt

_LOCALES = Path(__file__).parents[3] / "locales"


@cache
def load_prompts(language: str = "ru") -> Mapping[str, str]:
    """Key → sentence, for everything that models are told in this language."""
    with (_LOCALES / language / "LC_MESSAGES" / "prompts.po").open("rb") as source:
        return {str(each.id): str(each.string) for each in read_po(source, locale=language) if each.id}


def build_completion(prompt: Prompt, template: str | None = None) -> str:
    """What a model that completes texts continues: the masked fields and the word for the description.

    template: the card's own, with `{attributes}` and `{token}`, each used once or not at all. Where there is nothing
    but fields and it does not tell them, the usual one does.
    """
    if template is None or not (prompt.images or "{attributes}" in template):
        template = load_prompts()["completion" if prompt.masked else "completion-photos"]
    return template.replace("{attributes}", prompt.masked).replace("{token}", prompt.token).strip()


def build_request(prompt: Prompt) -> str:
    """What a model that follows instructions is asked: how to write, whether of one thing or of many, the fields."""
    told = load_prompts()
    parts = [told["request"]]
    if prompt.images:
        many = prompt.token == "<VARIATIVE>"  # noqa: S105 - no password
        parts.append(told["request-many" if many else "request-one"])
    if prompt.masked:
        parts.append(told["request-fields"].replace("{attributes}", prompt.masked))
    return "\n".join(parts)
