"""What a message says, as Telegram's HTML. Pure: from records and drafts to text, in the language of `say`.

Sentences come from `locales/` as plain text and are escaped here; only this module writes tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from bot.conversation.draft import Draft
from inference.checkpoints.registry import Card
from inference.errors import Message
from inference.listing.cases import Case
from inference.listing.types import Stage
from inference.listing.validation import MAX_PHOTOS
from locales.translate import Translate
from storage.records import CheckpointStats, Choice, Generation, RequestState, Stats

LENGTH: Final = 4096  # of a message of Telegram's
CAPTION_LENGTH: Final = 1024
_ROW_LENGTH: Final = 200
_ATTRIBUTES_LENGTH: Final = 1700  # on a card, tags and escapes included
_REFUSED_LENGTH: Final = 1000
_TITLE_LENGTH: Final = 96
_MODEL_LENGTH: Final = 160  # of a checkpoint's name, of its sentence and of its facts, each
MODELS: Final = 8  # checkpoints a page, so that the longest of them fit

SCORES: Final = {
    "clipscore_mean": Message("score-clipscore-mean"),
    "clipscore_max": Message("score-clipscore-max"),
    "photo_similarity_mean": Message("score-photo-similarity-mean"),
    "photo_similarity_max": Message("score-photo-similarity-max"),
    "source_similarity": Message("score-source-similarity"),
    "bertscore": Message("score-bertscore"),
}
_JUDGED: Final = SCORES | {"diversity": Message("score-many-things")}
TIMINGS: Final = {
    "validate_s": Message("time-validate"),
    "moderate_s": Message("time-moderate"),
    "generate_s": Message("time-generate"),
    "score_s": Message("time-score"),
    "total_s": Message("time-total"),
}
STAGES: Final[Mapping[Stage, Message]] = {
    "checking": Message("stage-checking"),
    "reading": Message("stage-reading"),
    "writing": Message("stage-writing"),
    "scoring": Message("stage-scoring"),
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


def plain(text: str) -> str:
    """Text as HTML that shows it as it is."""
    return escape(text, quote=False)


def sentence(translate: Translate, message: Message) -> str:
    """The sentence as HTML."""
    return plain(translate(message))


def bold(translate: Translate, message: Message) -> str:
    """The sentence in bold."""
    return f"<b>{sentence(translate, message)}</b>"


def paragraphs(*parts: str) -> str:
    """The parts that are not empty, with an empty line between."""
    return "\n\n".join(part for part in parts if part)


def card(draft: Draft, translate: Translate, *, rewritten: bool = False) -> str:
    """The card of a draft; `rewritten`: there is a text already, and the draft has changed since."""
    things = ", ".join(translate(message) for message in draft.missing)
    return paragraphs(
        bold(translate, Message("card-title")),
        sentence(translate, Message("card-rewritten")) if rewritten else "",
        sentence(translate, Message("card-photos", {"count": len(draft.photos), "limit": MAX_PHOTOS})),
        _fitting([_attribute(*item) for item in draft.attributes.items], _ATTRIBUTES_LENGTH, translate),
        sentence(translate, draft.problem) if draft.problem else "",
        _fitting([f"⚠️ {sentence(translate, message)}" for message in draft.refused], _REFUSED_LENGTH, translate),
        sentence(translate, Message("card-missing", {"things": things})) if things else "",
    )


def progress(stage: Stage, translate: Translate) -> str:
    """The steps in a row, the one under way marked."""
    steps = [(step == stage, sentence(translate, message)) for step, message in STAGES.items()]
    return " → ".join(f"<b>{step}</b>" if now else step for now, step in steps)


def place(before: int, translate: Translate) -> str:
    """How many are served before."""
    return sentence(translate, Message("place", {"count": before}) if before else Message("place-next"))


def pieces(text: str, limit: int = LENGTH) -> list[str]:
    """The text alone, in as many messages as it needs: one, unless it is longer than Telegram takes."""
    found = []
    while len(plain(text)) > limit:
        end = _end(text, limit)
        found.append(plain(text[:end].rstrip()))
        text = text[end:].lstrip()
    return [*found, plain(text)]


def candidate(title: Message, text: str, translate: Translate) -> list[str]:
    """One of two texts that are compared, under its letter."""
    first, *rest = pieces(text, LENGTH - _TITLE_LENGTH)
    return [paragraphs(bold(translate, title), first), *rest]


def scores(written: Generation, translate: Translate, note: str = "") -> str:
    """The scores that there are and the times, folded; `note` stands above them."""
    values = {**written.scores, "diversity": written.diversity}
    rows = [
        _figure(label, values.get(name), translate) for name, label in _JUDGED.items() if values.get(name) is not None
    ]
    times = [_figure(label, written.timings.get(name), translate) for name, label in TIMINGS.items()]
    title = bold(translate, Message("page-scores", {"checkpoint": written.checkpoint}))
    folded = "\n".join([title, *rows, bold(translate, Message("page-times")), *times])
    return paragraphs(note, f"<blockquote expandable>{folded}</blockquote>")


def done(warnings: Iterable[Message], translate: Translate) -> str:
    """What the card says once the text is there, with what moderation let pass but warns of."""
    return paragraphs(
        sentence(translate, Message("card-done")), *dict.fromkeys(sentence(translate, each) for each in warnings)
    )


def refusal(reasons: Iterable[Message], translate: Translate, *, is_case: bool = False) -> str:
    """Why nothing is written, what the service is for, and that the draft is there; a case leaves none."""
    sentences = dict.fromkeys(sentence(translate, reason) for reason in reasons)
    kept = "" if is_case else sentence(translate, Message("draft-kept"))
    return paragraphs(*sentences, sentence(translate, Message("service-is-for")), kept)


def caption(case: Case, language: str) -> str:
    """What stands under the photos of a preloaded case."""
    title = f"<b>{plain(case.title.get(language, case.name))}</b>"
    return paragraphs(title, pieces(case.attributes.strip(), CAPTION_LENGTH - len(title) - 2)[0])


def model(card: Card, speed_s: float | None, translate: Translate, language: str) -> str:
    """A checkpoint in a few lines: what it is for, what it reads, how big and how fast it is here."""
    facts = [
        *([translate(Message("model-languages", {"languages": ", ".join(card.languages)}))] if card.languages else []),
        translate(
            Message("model-photos", {"count": card.max_photos}) if card.max_photos else Message("model-no-photos")
        ),
        translate(Message("megabytes", {"megabytes": round(card.size / 1e6, 1)})),
    ]
    if speed_s is not None:
        facts.append(translate(Message("model-speed", {"seconds": round(speed_s, 2)})))
    parts = (card.name, card.summary.get(language, card.family), "; ".join(facts))
    name, summary, known = (plain(beginning(part, _MODEL_LENGTH)) for part in parts)
    return f"<b>{name}</b> — {summary}\n{known}"


def beginning(text: str, length: int) -> str:
    """The first words of a text, as a button or a list shows them."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def statistics(stats: Stats, translate: Translate) -> str:
    """The service in numbers, for its owner."""
    states = [
        translate(Message("figure", {"label": translate(label), "value": stats.requests.get(state, 0)}))
        for state, label in STATES.items()
    ]
    counts = {"users": stats.users, "blocked": stats.blocked, "listings": stats.listings}
    return paragraphs(
        bold(translate, Message("stats-title")),
        sentence(translate, Message("stats-counts", counts)),
        plain("\n".join([translate(Message("stats-requests")), *states])),
        _figure(Message("stats-median"), stats.median_total_s, translate),
        *(_checkpoint(name, judged, translate) for name, judged in stats.checkpoints.items()),
    )


def _checkpoint(name: str, judged: CheckpointStats, translate: Translate) -> str:
    figures = Message(
        "stats-checkpoint",
        {
            "descriptions": judged.descriptions,
            "up": judged.up,
            "down": judged.down,
            "corrections": judged.corrections,
            "wins": judged.wins,
            "losses": judged.losses,
        },
    )
    reasons = [
        translate(Message("figure", {"label": translate(REASONS[reason]), "value": count}))
        for reason, count in judged.reasons.items()
    ]
    return "\n".join([f"<b>{plain(name)}</b>", sentence(translate, figures), plain(", ".join(reasons))]).strip()


def _figure(label: Message, value: float | None, translate: Translate) -> str:
    written: str | float = "—" if value is None else value
    return sentence(translate, Message("figure", {"label": translate(label), "value": written}))


def _attribute(name: str, value: str) -> str:
    """As understood: the name in bold, free text as it is."""
    shown = plain(beginning(value, _ROW_LENGTH))
    return f"• <b>{plain(name)}:</b> {shown}" if name else f"• {shown}"


def _fitting(rows: Sequence[str], length: int, translate: Translate) -> str:
    """The rows that fit, each with its line break, and how many did not."""
    shown: list[str] = []
    for row in rows:
        length -= len(row) + 1
        if length < 0:
            break
        shown.append(row)
    if rest := len(rows) - len(shown):
        shown.append(sentence(translate, Message("and-more", {"count": rest})))
    return "\n".join(shown)


def _end(text: str, limit: int) -> int:
    """Where a message that is too long is best cut, so that what comes before fits when it is escaped."""
    end = length = 0
    while length + len(plain(text[end])) <= limit:
        length += len(plain(text[end]))
        end += 1
    best = max(text.rfind("\n", 0, end), text.rfind(" ", 0, end))
    return best if best > end // 2 else end
