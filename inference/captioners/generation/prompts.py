"""Build prompts in words from the sentences in `locales/<language>/LC_MESSAGES/prompts.po`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from inference.captioners.base import Prompt

_LOCALES = Path(__file__).parents[3] / "locales"


@cache
def load_prompts(language: str = "ru") -> Mapping[str, str]:
    """Load the sentences of a language as key → sentence."""
    with (_LOCALES / language / "LC_MESSAGES" / "prompts.po").open("rb") as source:
        return {str(each.id): str(each.string) for each in read_po(source, locale=language) if each.id}


def build_completion(prompt: Prompt, template: str | None = None) -> str:
    """Build the text that a completion model continues: the masked fields and the word for the description.

    template: the card's own, with `{attributes}` and `{token}`, each used once or not at all. Without photos the
    usual
    template replaces one that lacks the fields.
    """
    if template is None or not (prompt.images or "{attributes}" in template):
        template = load_prompts()["completion" if prompt.masked else "completion-photos"]
    return template.replace("{attributes}", prompt.masked).replace("{token}", prompt.token).strip()


def build_request(prompt: Prompt) -> str:
    """Build the request to a model that follows instructions: style, one thing or many, its name, the fields."""
    told = load_prompts()
    parts = [told["request"]]
    if prompt.images:
        many = prompt.token == "<VARIATIVE>"  # noqa: S105 - no password
        parts.append(told["request-many" if many else "request-one"])
    if len(prompt.sheets) == 1 and prompt.sheets[0].item:
        parts.append(told["request-item"].replace("{item}", prompt.sheets[0].item))
    if prompt.masked:
        parts.append(told["request-fields"].replace("{attributes}", prompt.masked))
    return "\n".join(parts)
