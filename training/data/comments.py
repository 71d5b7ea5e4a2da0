"""Read comments and ads for training the toxicity classifier, labelled by source and split without leaks.

Near-duplicates, and a comment and its rewrites, always fall into the same part.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.data.duplicates import group_duplicates
from training.data.examples import load_examples

Part = Literal["train", "val", "test"]
Source = Literal["pair", "rude", "social", "disguised", "ad", "fact"]

_REPLY_TO = re.compile(r"\[id\d+\|[^\]]*\],?\s*")
_LETTER = re.compile(r"[а-яё]", re.IGNORECASE)
_WORD = re.compile(r"[а-яё-]+")


@dataclass(frozen=True, slots=True)
class Comment:
    """A text with its label and source; a comment and its rewrites share `pair`."""

    text: str
    toxic: bool
    source: Source
    part: Part
    pair: int = -1


@dataclass(frozen=True, slots=True)
class Corpus:
    """All comments with their parts; `rude`: inflected obscene words in lower case, with «е» for «ё»."""

    comments: tuple[Comment, ...]
    rude: frozenset[str]

    def of(self, part: Part, *sources: Source, toxic: bool | None = None) -> list[Comment]:
        """Return the comments of a part that come from `sources`, of one label if `toxic` is given."""
        found = (each for each in self.comments if each.part == part and each.source in sources)
        return [each for each in found if toxic is None or each.toxic == toxic]


def load_corpus(comments: Path, texts: Path | None, clothes: Path) -> Corpus:
    """Read the comments of `data/toxicity`, the phrases of `data/text` and the texts of a clothing data set."""
    plain = list(_descriptions(clothes))
    if texts:
        plain += [*_ads(texts), *_facts(texts)]
    return Corpus((*_split(_comments(comments)), *plain), load_rude_words(comments, [each.text for each in plain]))


def load_rude_words(folder: Path, neutral: Iterable[str]) -> frozenset[str]:
    """Return the obscene words of the lists in `folder`, without those that occur in neutral texts."""
    # The list of generated word forms contains ordinary words, «мини» for one.
    known = {word for text in neutral for word in split_words(text)}
    lines = [line for name in ("obscene_forms.txt", "bad_wordlist.txt") for line in _lines(folder / name)]
    rude = {word for line in lines for word in split_words(line)}
    return frozenset(word for word in rude - known if len(word) > 2)


def split_words(text: str) -> list[str]:
    """Return the Russian words of a text in lower case, with «е» for «ё»."""
    return _WORD.findall(text.lower().replace("ё", "е"))


def assign_part(key: str) -> Part:
    """Return the part for a key, by its hash: one in ten is `test`, one in ten `val`."""
    number = zlib.crc32(key.encode()) % 10
    return "test" if number == 0 else "val" if number == 1 else "train"


def _comments(folder: Path) -> list[Comment]:
    return [*_pairs(folder), *_rude(folder), *_social(folder)]


def _pairs(folder: Path) -> Iterator[Comment]:
    """Yield toxic comments and the neutral rewrites that people made of them, with one number per family."""
    for number, row in enumerate(_rows(folder / "russe_detox_train.tsv")):
        # A comment that contains a line break leaves rows with missing columns.
        if _LETTER.search(toxic := row["toxic_comment"] or ""):
            yield Comment(toxic, True, "pair", "train", number)
            rewrites = [row[f"neutral_comment{n}"] or "" for n in (1, 2, 3)]
            yield from (Comment(text, False, "pair", "train", number) for text in rewrites if _LETTER.search(text))


def _rude(folder: Path) -> Iterator[Comment]:
    lines = _lines(folder / "rudetoxifier_toxic.txt")
    return (Comment(line, True, "rude", "train") for line in lines if _LETTER.search(line))


def _social(folder: Path) -> Iterator[Comment]:
    """Yield comments of social networks; the disguised ones serve for measuring only."""
    for row in _rows(folder / "distorted.tsv"):
        text = _REPLY_TO.sub("", row["comments"] or "").strip('" ')
        disguised, toxic = row["distortion"] == "1", row["toxicity"] == "1"
        if _LETTER.search(text):
            yield Comment(text, toxic or disguised, "disguised" if disguised else "social", "train")


def _split(comments: Sequence[Comment]) -> Iterator[Comment]:
    """Yield the comments with their parts; near-duplicates of a disguised comment are set aside with it."""
    families: dict[int, list[int]] = {}
    for number, each in enumerate(comments):
        if each.pair >= 0:
            families.setdefault(each.pair, []).append(number)
    numbers = group_duplicates([each.text for each in comments], list(families.values()))
    aside = {n for n, each in zip(numbers, comments, strict=True) if each.source == "disguised"}
    for number, each in zip(numbers, comments, strict=True):
        part = "test" if number in aside else assign_part(comments[number].text)
        yield Comment(each.text, each.toxic, each.source, part, each.pair)


def _ads(folder: Path) -> Iterator[Comment]:
    """Yield phrases of ads; groups of rewordings, separated by empty lines, stay together."""
    for path in sorted(folder.glob("ads_*.txt")):
        for group in path.read_text("utf-8").split("\n\n"):
            lines = [line.strip() for line in group.split("\n") if line.strip()]
            yield from (Comment(line, False, "ad", assign_part(lines[0])) for line in lines)


def _descriptions(folder: Path) -> Iterator[Comment]:
    """Yield fields, descriptions and captions of a clothing data set; its own split by sender is kept."""
    parts: Mapping[str, Part] = {"train": "train", "val": "test", "test": "test"}
    for name in ("listings.jsonl", "captions.jsonl"):
        for example in load_examples(folder / name):
            texts = (example.attributes_text, example.description, example.gpt_description)
            yield from (Comment(text, False, "ad", parts[example.split]) for text in texts if text)


def _facts(folder: Path) -> Iterator[Comment]:
    for path in sorted(folder.glob("facts*.txt")):
        yield from (Comment(line, False, "fact", assign_part(line)) for line in _lines(path)[::4])


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("utf-8").split("\n") if line.strip()]


def _rows(path: Path) -> list[dict[str, str | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
