"""Format messages as Telegram's HTML, from records and cards, in the language of `translate`. Pure.

Sentences come from `locales/` as plain text and are escaped here; only `bot/views/` writes tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from inference.checkpoints.card import Card
from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes
from inference.listing.cases import Case
from locales.translate import Translate, format_time
from storage.records import CheckpointStats, Choice, DescriptionRecord, Generation, RequestState, Stats

LENGTH: Final = 4096  # limit of `sendMessage`
CAPTION_LENGTH: Final = 1024  # limit of `sendPhoto`
_TITLE_LENGTH: Final = 96
_THING_LENGTH: Final = 24
_PRICE_LENGTH: Final = 12
_PRICE_NAMES: Final = ("цена", "стоимость", "price")
_MODEL_LENGTH: Final = 160  # each of the name, the summary and the facts of a checkpoint
MODELS: Final = 8  # checkpoints per page, so that the longest descriptions fit a message

SCORES: Final = {
    "clipscore_mean": Message("score-clipscore-mean"),
    "clipscore_max": Message("score-clipscore-max"),
    "photo_similarity_mean": Message("score-photo-similarity-mean"),
    "photo_similarity_max": Message("score-photo-similarity-max"),
    "source_similarity": Message("score-source-similarity"),
    "bertscore": Message("score-bertscore"),
    "numbers_kept": Message("score-numbers-kept"),
}
_SCORE_ROWS: Final = SCORES | {"diversity": Message("score-many-things")}
TIMINGS: Final = {
    "validate_s": Message("time-validate"),
    "moderate_s": Message("time-moderate"),
    "generate_s": Message("time-generate"),
    "score_s": Message("time-score"),
    "total_s": Message("time-total"),
}
REASONS: Final[Mapping[str, Message]] = {
    "item": Message("reason-item"),
    "colour": Message("reason-colour"),
    "invented": Message("reason-invented"),
    "russian": Message("reason-russian"),
    "other": Message("reason-other"),
}
CHOICES: Final[Mapping[Choice, Message]] = {
    "first": Message("choice-first"),
    "second": Message("choice-second"),
    "equal": Message("choice-equal"),
    "neither": Message("choice-neither"),
}
STATES: Final[Mapping[RequestState, Message]] = {
    "pending": Message("state-pending"),
    "running": Message("state-running"),
    "done": Message("state-done"),
    "rejected": Message("state-rejected"),
    "failed": Message("state-failed"),
}


def escape_html(text: str) -> str:
    """Return plain text as HTML."""
    return escape(text, quote=False)


def to_html(translate: Translate, message: Message) -> str:
    """Return the translated sentence as HTML."""
    return escape_html(translate(message))


def format_commands(commands: Mapping[str, Message], translate: Translate) -> str:
    """Return the commands with their descriptions, one per line."""
    return "\n".join(f"/{name} — {to_html(translate, message)}" for name, message in commands.items())


def bold(translate: Translate, message: Message) -> str:
    """Return the translated sentence as bold HTML."""
    return f"<b>{to_html(translate, message)}</b>"


def join_paragraphs(*parts: str) -> str:
    """Join the parts that are not empty, with an empty line between them."""
    return "\n\n".join(part for part in parts if part)


def split_text(text: str, limit: int = LENGTH) -> list[str]:
    """Split a text into escaped parts of at most `limit` characters, at line breaks and spaces."""
    parts = []
    while len(escape_html(text)) > limit:
        end = _find_split(text, limit)
        parts.append(escape_html(text[:end].rstrip()))
        text = text[end:].lstrip()
    return [*parts, escape_html(text)]


def format_candidate(title: Message, text: str, translate: Translate) -> list[str]:
    """Return the messages of one of two compared texts, titled with its letter."""
    first, *rest = split_text(text, LENGTH - _TITLE_LENGTH)
    return [join_paragraphs(bold(translate, title), first), *rest]


def format_scores(written: Generation, translate: Translate, note: str = "") -> str:
    """Return the available scores and the times in a folded quote, below `note`."""
    values = {**written.scores, "diversity": written.diversity}
    rows = [
        _format_figure(label, values.get(name), translate)
        for name, label in _SCORE_ROWS.items()
        if values.get(name) is not None
    ]
    times = [_format_figure(label, written.timings.get(name), translate) for name, label in TIMINGS.items()]
    title = bold(translate, Message("page-scores", {"checkpoint": written.checkpoint}))
    folded = "\n".join([title, *rows, bold(translate, Message("page-times")), *times])
    return join_paragraphs(note, f"<blockquote expandable>{folded}</blockquote>")


def format_warning(doubts: Iterable[Message], translate: Translate) -> str:
    """Return what moderation doubts, and that the user may have the text all the same."""
    sentences = dict.fromkeys(to_html(translate, doubt) for doubt in doubts)
    return join_paragraphs(*sentences, to_html(translate, Message("warning-question")))


def format_refusal(reasons: Iterable[Message], translate: Translate, *, is_case: bool = False) -> str:
    """Return the reasons of a refusal and the purpose of the service; a draft is kept, a case has none."""
    sentences = dict.fromkeys(to_html(translate, reason) for reason in reasons)
    kept = "" if is_case else to_html(translate, Message("draft-kept"))
    return join_paragraphs(*sentences, to_html(translate, Message("service-is-for")), kept)


def format_case_caption(case: Case, language: str) -> str:
    """Return the caption under the photos of a preloaded case."""
    title = f"<b>{escape_html(case.title.get(language, case.name))}</b>"
    return join_paragraphs(title, split_text(case.attributes.strip(), CAPTION_LENGTH - len(title) - 2)[0])


def format_model_name(card: Card, language: str) -> str:
    """Return the title of a checkpoint before the name of its folder, as plain text."""
    title = card.title.get(language)
    return f"{title} · {card.name}" if title else card.name


def format_model(card: Card, speed_s: float | None, translate: Translate, language: str) -> str:
    """Return two lines about a checkpoint: summary, languages, photos, size, measured seconds per text."""
    megabytes = round(card.size / 1e6, 1)
    facts = [
        *([translate(Message("model-languages", {"languages": ", ".join(card.languages)}))] if card.languages else []),
        translate(
            Message("model-photos", {"count": card.max_photos}) if card.max_photos else Message("model-no-photos")
        ),
        *([translate(Message("megabytes", {"megabytes": megabytes}))] if megabytes else []),
    ]
    if speed_s is not None:
        facts.append(translate(Message("model-speed", {"seconds": round(speed_s, 2)})))
    parts = (format_model_name(card, language), card.summary.get(language, card.family), "; ".join(facts))
    name, summary, details = (escape_html(shorten(part, _MODEL_LENGTH)) for part in parts)
    return f"<b>{name}</b> — {summary}\n{details}"


def format_past_text(description: DescriptionRecord, language: str) -> str:
    """Return what tells an old text from others, as plain text: the thing, the price and the time."""
    parts = (
        shorten(_find_thing(description.generation.text or ""), _THING_LENGTH),
        shorten(_find_price(description.source), _PRICE_LENGTH),
        format_time(description.created_at, language),
    )
    return " · ".join(part for part in parts if part)


def _find_thing(text: str) -> str:
    """Return the first words of a text, up to a punctuation mark and without a lead-in such as «Продаю вместе:»."""
    first = re.split(r"[.,;!?()\n—–]", text.strip(), maxsplit=1)[0].strip()
    lead, _, things = (part.strip() for part in first.partition(":"))
    if " " in lead and things:  # «Размер: 46» is no lead-in
        first = lead if ":" in things else things[:1].upper() + things[1:]
    return first or text


def _find_price(source: str) -> str:
    """Return the price among the attributes; empty without one, or where they cannot be parsed any more."""
    try:
        items = parse_attributes(source).items
    except InvalidInput:
        return ""
    return next((value for name, value in items if name.lower().startswith(_PRICE_NAMES)), "")


def shorten(text: str, length: int) -> str:
    """Return a text as one line of at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def format_stats(stats: Stats, translate: Translate) -> str:
    """Return the statistics of the service, for its owner."""
    states = [
        translate(Message("figure", {"label": translate(label), "value": stats.requests.get(state, 0)}))
        for state, label in STATES.items()
    ]
    counts = {"users": stats.users, "blocked": stats.blocked, "listings": stats.listings}
    return join_paragraphs(
        bold(translate, Message("stats-title")),
        to_html(translate, Message("stats-counts", counts)),
        escape_html("\n".join([translate(Message("stats-requests")), *states])),
        to_html(translate, Message("stats-warnings", {"warned": stats.warned, "insisted": stats.insisted})),
        _format_figure(Message("stats-median"), stats.median_total_s, translate),
        *(_format_checkpoint(name, checkpoint, translate) for name, checkpoint in stats.checkpoints.items()),
    )


def _format_checkpoint(name: str, stats: CheckpointStats, translate: Translate) -> str:
    figures = Message(
        "stats-checkpoint",
        {
            "descriptions": stats.descriptions,
            "up": stats.up,
            "down": stats.down,
            "corrections": stats.corrections,
            "wins": stats.wins,
            "losses": stats.losses,
        },
    )
    reasons = [
        translate(Message("figure", {"label": translate(REASONS[reason]), "value": count}))
        for reason, count in stats.reasons.items()
    ]
    return "\n".join(
        [f"<b>{escape_html(name)}</b>", to_html(translate, figures), escape_html(", ".join(reasons))]
    ).strip()


def _format_figure(label: Message, value: float | None, translate: Translate) -> str:
    number: str | float = "—" if value is None else value
    return to_html(translate, Message("figure", {"label": translate(label), "value": number}))


def _find_split(text: str, limit: int) -> int:
    """Return the index to split a long text at, such that the first part fits `limit` once escaped."""
    end = length = 0
    while length + len(escape_html(text[end])) <= limit:
        length += len(escape_html(text[end]))
        end += 1
    best = max(text.rfind("\n", 0, end), text.rfind(" ", 0, end))
    return best if best > end // 2 else end
