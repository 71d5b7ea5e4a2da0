"""Miniatures of the data folders that toxicity is learned from."""

from __future__ import annotations

import json
from pathlib import Path

SYLLABLES = ("ба", "ге", "ди", "жо", "ку", "ле", "мы", "ня", "по", "рю")
# Words that are unlike each other and enough for every part of a split to get some.
MADE_UP = tuple(a + SYLLABLES[n - m] + SYLLABLES[2 * m - n] for n, a in enumerate(SYLLABLES) for m in range(5))
TOXIC = [f"{word} дурак {word * 2}" for word in MADE_UP]


ADS = "юбка мини\nмини юбка\n\n\nкуртка новая\nновая куртка\n" + "".join(f"\n\nпродам {word}\n" for word in MADE_UP)


def save_folders(root: Path) -> tuple[Path, Path, Path]:
    """Comments, texts and clothes below `root`."""
    comments, texts, clothes = (root / name for name in ("toxicity", "text", "clothing"))
    for folder in (comments, texts, clothes):
        folder.mkdir()
    rows = [f"{n}\t{text}\t{text.replace('дурак', 'неправ')}\t\t" for n, text in enumerate(TOXIC)]
    rows.append('9\t"Первая строка\t\t\t')
    rows.append('остаток комментария"')
    header = "index\ttoxic_comment\tneutral_comment1\tneutral_comment2\tneutral_comment3"
    (comments / "russe_detox_train.tsv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    (comments / "rudetoxifier_toxic.txt").write_text("балбес ты эдакий\nпошёл ты, дурeнь несчастный\n", "utf-8")
    (comments / "obscene_forms.txt").write_text("балбесина\nмини\n", "utf-8")
    (comments / "bad_wordlist.txt").write_text("балбес\n", "utf-8")
    social = ["comment_id\tsource\tcomments\tdistortion\ttoxicity\tcorrected"]
    social += ["1\tx\t[id1|Имя], согласен, хорошая погода\t0\t0\t", "2\tx\t[id2|Имя], ба%бес\t1\t0\tбалбес"]
    social += ["3\tx\tпошёл ты, дурень несчастный\t1\t1\tпошёл ты, дурень несчастный"]
    (comments / "distorted.tsv").write_text("\n".join(social) + "\n", "utf-8")
    (texts / "ads_SENT5.txt").write_text(ADS, "utf-8")
    (texts / "facts4.txt").write_text("Я ЕМ.\nОН ПЬЁТ.\nОНА ПОЁТ.\nМЫ СПИМ.\nИДЁТ СНЕГ.\n", "utf-8")
    row = {"id": "1", "photos": [], "attributes": {"Цена": "5"}, "description": "Юбка.", "split": "val"}
    (clothes / "listings.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (clothes / "captions.jsonl").write_text("", "utf-8")
    return comments, texts, clothes
