"""Check what a captioner wrote against the facts: every clause is supported, or it goes.

A clause is what stands between commas or full stops. It stays if each of its claims is the seller's or is surely seen,
and if its other words claim nothing. Adjectives that nobody knows to be true («с крупной надписью») are taken out of a
clause that stays. The clause that names the thing is said anew from the facts where it is not supported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from inference.facts.compose import count_things, lower_first, name_thing
from inference.facts.lexicon import (
    WORD,
    Mention,
    find_colours,
    find_items,
    find_values,
    fold,
    get_colour_families,
    get_kinds,
    get_specific_kinds,
    is_adjective,
    is_neutral_word,
    load_groups,
)
from inference.facts.sheet import FactSheet
from inference.facts.types import Claim, Decision
from inference.masking.morphology import get_cases, get_part_of_speech, lemmatize

_CLAUSE: Final = re.compile(r"[^,.;!?:\n]+")
_NUMBER: Final = re.compile(r"[\d<>_]")
_LATIN: Final = re.compile(r"[A-Za-z]")
_JOINING: Final = frozenset(
    ["и", "с", "со", "на", "в", "во", "из", "под", "для", "по", "без", "но", "а", "или", "от", "до", "к", "у"]
)
_GOVERNED: Final = {
    preposition: frozenset(cases.split())
    for prepositions, cases in (
        ("с со под", "ablt gent gen2 accs"),
        ("в во на", "accs loct loc2"),
        ("без из от до для у", "gent gen2"),
        ("по", "datv loct accs"),
        ("к", "datv"),
    )
    for preposition in prepositions.split()
}
_SUPPORTED: Final = ("seller", "seen")


@dataclass(slots=True)
class Checked:
    """A text after the check: the clauses that stayed, the first of which names the thing, and all claims."""

    clauses: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    @property
    def said(self) -> frozenset[tuple[str, str]]:
        """The claims that stayed, as pairs of group and value."""
        return frozenset((claim.group, claim.value) for claim in self.claims if claim.kept)


def check_text(text: str, sheet: FactSheet) -> Checked:
    """Return the clauses of a text that the facts support, and the verdict on each of its claims."""
    checked = Checked()
    for clause in filter(None, (clause.strip() for clause in _CLAUSE.findall(text))):
        judged = [(mention, sheet.judge(mention)) for mention in find_mentions(clause)]
        names = any(mention.group == "item" for mention, _ in judged)
        if not checked.clauses:
            kept = _check_head(clause, judged, sheet) if names else name_thing(sheet)
        else:
            kept = "" if names else _check_clause(clause, judged, sheet, checked)
        if kept:
            checked.clauses.append(kept)
        remaining = {(mention.group, mention.value) for mention in find_mentions(kept)}
        checked.claims += [
            Claim(clause, mention.group, mention.value, verdict, (mention.group, mention.value) in remaining)
            for mention, verdict in judged
        ]
    return checked


def check_set(text: str, sheets: Sequence[FactSheet]) -> tuple[list[str], list[Claim]]:
    """Return a phrase for each thing of a set, in the order of the sheets, and the verdict on each claim of the text.

    A clause of the text that names a thing is checked against the facts of that thing; a thing that the text does not
    name is named from its facts. Things that get the same phrase get one, with their number.
    """
    named: dict[int, Checked] = {}
    for clause in filter(None, (clause.strip() for clause in re.split(r"[,.;!?:\n]|\sи\s(?=\S+\s)", text))):
        kinds = [get_specific_kinds(mention.value) for mention in find_mentions(clause) if mention.group == "item"]
        free = (n for n, sheet in enumerate(sheets) if n not in named and get_specific_kinds(sheet.item) & kinds[0])
        number = next(free, None) if kinds else None
        if number is not None:
            named[number] = check_text(clause, sheets[number])
    alike: dict[str, list[FactSheet]] = {}
    for number, sheet in enumerate(sheets):
        phrase = lower_first(named[number].clauses[0] if number in named else name_thing(sheet))
        alike.setdefault(phrase, []).append(sheet)
    phrases = [phrase if len(each) == 1 else count_things(each[0], len(each)) for phrase, each in alike.items()]
    return phrases, [claim for checked in named.values() for claim in checked.claims]


def count_support(text: str, sheets: Sequence[FactSheet]) -> int:
    """Return the number of claims of a text that the facts support, less the number of all others."""
    claims = check_text(text, sheets[0]).claims if len(sheets) == 1 else check_set(text, sheets)[1]
    return sum(1 if claim.kept else -1 for claim in claims)


def find_mentions(clause: str) -> list[Mention]:
    """Return what a clause claims: clothes that it names, colours, and properties, in this order."""
    values = list(find_values(clause))
    items = [item for item in find_items(clause) if "clothes" in get_kinds(item.value) and not _is_inside(item, values)]
    return [*items, *find_colours(clause), *values]


def _is_inside(mention: Mention, others: Sequence[Mention]) -> bool:
    """Return True for a noun within another claim: «джинсовая куртка» is about a material as well."""
    return any(o.start <= mention.start and mention.end <= o.end and o.group != "material" for o in others)


def _check_head(clause: str, judged: Sequence[tuple[Mention, Decision]], sheet: FactSheet) -> str:
    """Return the clause that names the thing: as written where all is supported, else the thing and what is left."""
    item, verdict = next(pair for pair in judged if pair[0].group == "item")
    has_colour = any(mention.group == "colour" for mention, _ in judged) or not sheet.colours
    is_own = verdict in _SUPPORTED and not sheet.get_stated("item")
    if is_own and has_colour and _is_supported(clause, judged, sheet):
        return clause
    tail = clause[item.end :].strip()
    tail_judged = [(mention, sheet.judge(mention)) for mention in find_mentions(tail)]
    has_own_colour = tail_judged and tail_judged[0][0].group == "colour" and tail_judged[0][0].start == 0
    kept = "" if has_own_colour else _repair(tail, tail_judged, sheet, sheet.colours[1:])
    name = name_thing(sheet)
    return f"{name}, {kept}" if kept and " с " in name else f"{name} {kept}".strip()


def _check_clause(clause: str, judged: Sequence[tuple[Mention, Decision]], sheet: FactSheet, checked: Checked) -> str:
    """Return what stays of a clause behind the first; "" if nothing does."""
    kept = _repair(clause, judged, sheet, sheet.colours[1:])
    claims = {(mention.group, mention.value) for mention in find_mentions(kept) if mention.group != "colour"}
    is_new = not claims <= checked.said and not _stems(kept) <= _stems(" ".join(checked.clauses))
    return kept if claims and is_new else ""


def _is_supported(clause: str, judged: Sequence[tuple[Mention, Decision]], sheet: FactSheet) -> bool:
    return (
        all(verdict in _SUPPORTED for _, verdict in judged) and _repair(clause, judged, sheet, sheet.colours) == clause
    )


def _repair(clause: str, judged: Sequence[tuple[Mention, Decision]], sheet: FactSheet, colours: Sequence[str]) -> str:
    """Return a clause without adjectives that nobody knows; "" where that does not mend it.

    colours: those that the clause may name; of the other colour words nobody knows what they are the colour of.
    """
    is_false = any(verdict not in _SUPPORTED and mention.group != "colour" for mention, verdict in judged)
    is_sellers = any(m.group in load_groups() and load_groups()[m.group].is_seller_only for m, _ in judged)
    claimed = [(mention.group, mention.value) for mention, _ in judged if mention.group != "colour"]
    is_repeated = len(set(claimed)) < len(claimed)
    # What only the seller knows, and all numbers, are said by rule.
    if is_false or is_sellers or is_repeated or _NUMBER.search(clause):
        return ""
    supported = [mention for mention, _ in judged if mention.group != "colour" or _is_one_of(mention.value, colours)]
    kept: list[str] = []
    end = 0
    for word in WORD.finditer(clause):
        claims = any(mention.start <= word.start() and word.end() <= mention.end for mention in supported)
        if not _is_readable(word[0], sheet):
            return ""
        if claims or is_neutral_word(word[0]) or _is_sellers(word[0], sheet):
            kept.append(clause[end : word.end()])
        elif not is_adjective(word[0]):
            return ""
        end = word.end()
    text = " ".join("".join((*kept, clause[end:])).split())
    words = [fold(word) for word in WORD.findall(text)]
    is_whole = bool(words) and words[-1] not in _JOINING and len(set(words)) == len(words)
    return text if is_whole and any(supported) and reads_well(text) else ""


def _is_one_of(word: str, colours: Sequence[str]) -> bool:
    """Return True for a word of one of the colours; «чёрно-белый» is of two."""
    families = get_colour_families(word)
    return any(families <= get_colour_families(colour) for colour in colours)


def reads_well(text: str) -> bool:
    """Return True if the words of a clause stand in cases that fit: not «в надписью», not «чёрная и надписью».

    A preposition governs the word behind it, «и» joins two words of one kind in one case, and a noun that begins the
    clause names something.
    """
    words = WORD.findall(text)
    if get_part_of_speech(words[0]) == "NOUN" and not get_cases(words[0]) & {"nomn", "accs"}:
        return False
    governed = all(
        not (cases := _GOVERNED.get(fold(word))) or not get_cases(after) or cases & get_cases(after)
        for word, after in pairwise(words)
    )
    return governed and all(
        get_cases(before) & get_cases(after) and is_adjective(before) == is_adjective(after)
        for before, word, after in zip(words, words[1:], words[2:], strict=False)
        if word in ("и", "или")
    )


def _is_readable(word: str, sheet: FactSheet) -> bool:
    """Return True for a word that a Russian reader knows: no Latin letters but the seller's and «V-образный»."""
    return sheet.is_known_word(word) and (
        not _LATIN.search(word) or fold(word) in sheet.vocabulary or word.startswith("V")
    )


def _is_sellers(word: str, sheet: FactSheet) -> bool:
    return any(lemma in sheet.vocabulary for lemma in (fold(word), *lemmatize(word)))


def _stems(text: str) -> set[str]:
    return {fold(word)[:5] for word in WORD.findall(text) if len(word) > 3}
