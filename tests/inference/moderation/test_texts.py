"""The toxicity classifier: verdicts, thresholds, windows, disguises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Encoding
from torch import Tensor

from inference.checkpoints.card import Card, load_card, save_card
from inference.errors import CheckpointError, Message
from inference.listing.types import Verdict
from inference.moderation.texts import FAMILY, RISK_FUNCTIONS, ToxicityClassifier, holds_rude_word, split_pieces
from training.toxicity import build_letter_tokenizer, build_model, save_toxicity


@pytest.fixture
def card(tmp_path: Path) -> Card:
    folder = tmp_path / "toxicity" / "mini"
    save_toxicity(build_model(rows=64), build_letter_tokenizer(), folder)
    calibration = {"toxicity_threshold": 0.7}
    return save_card(Card(folder=folder, family=FAMILY, version="1", risk="largest", calibration=calibration))


class Finder(ToxicityClassifier):
    """Says that a window is as toxic as it holds «х»; remembers what it read."""

    def compute_logits(self, windows: Sequence[Encoding]) -> Tensor:
        self.windows = ["".join(window.tokens) for window in windows]
        return torch.tensor([[4.0 if "х" in text else -4.0] for text in self.windows])


def test_a_risk_at_the_threshold_is_refused(card: Card) -> None:
    finder = Finder.load(card)
    assert finder.threshold == 0.7
    bad, good = finder.judge(["плохо", "ладно"])
    assert (bad.passed, bad.reason) == (False, Message("text-refused"))
    assert (good.passed, good.reason) == (True, None)
    assert [bad.score, good.score] == pytest.approx(torch.tensor([4.0, -4.0]).sigmoid().tolist())


def test_an_owner_s_threshold_goes_before_the_card_s(card: Card) -> None:
    finder = Finder.load(card, threshold=0.999)
    assert [verdict.passed for verdict in finder.judge(["плохо"])] == [True]


def test_an_empty_text_passes_without_a_score(card: Card) -> None:
    assert Finder.load(card).judge(["", " \n"]) == [Verdict("text"), Verdict("text")]
    assert ToxicityClassifier.load(card).judge([]) == []


def test_a_text_is_read_as_it_stands_and_uncovered(card: Card) -> None:
    finder = Finder.load(card)
    (risk,) = finder.predict_risks(["пло%о x-ray плoxo"])
    assert risk > 0.9
    assert sorted(finder.windows) == sorted(["пло%о x-ray плoxo", "пло*о х-рай плохо"])


def test_a_plain_text_is_read_once(card: Card) -> None:
    finder = Finder.load(card)
    finder.predict_risks(["ладно"])
    assert finder.windows == ["ладно"]


@pytest.mark.parametrize("before", [0, 60, 90, 95, 96, 200, 1000])
def test_an_insult_counts_wherever_it_stands(card: Card, before: int) -> None:
    finder = Finder.load(card)
    assert finder.predict_risks(["а" * before + " плохо " + "б" * 300])[0] > 0.9


def test_risks_do_not_depend_on_the_neighbours(card: Card) -> None:
    moderation = ToxicityClassifier.load(card)
    texts = ["кот", "пёс и кот", "длинный текст о котах " * 30, "x"] * 20
    together = moderation.predict_risks(texts)
    assert together == pytest.approx([moderation.predict_risks([text])[0] for text in texts], abs=1e-6)


def test_a_rule_is_picked_by_its_name_on_the_card(card: Card) -> None:
    probabilities = torch.tensor([[0.9, 0.3, 0.2]])
    labels = {"non-toxic": 0, "insult": 1, "dangerous": 2}
    assert float(RISK_FUNCTIONS["largest"](probabilities, labels)) == pytest.approx(0.9)
    assert float(RISK_FUNCTIONS["not-harmless"](probabilities, labels)) == pytest.approx(1 - 0.9 * 0.8)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"risk": "__import__('os')"}, "card-field"),
        ({"risk": ""}, "card-field"),
        ({"family": "x"}, "checkpoint-family"),
    ],
)
def test_a_card_with_an_unknown_rule_or_family_is_refused(card: Card, changes: dict[str, str], code: str) -> None:
    with pytest.raises(CheckpointError, match=code):
        ToxicityClassifier.load(replace(card, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mini() -> ToxicityClassifier:
    root = Path(__file__).resolve().parents[3]
    return ToxicityClassifier.load(load_card(root / "checkpoints" / "toxicity" / "mini"))


@pytest.mark.parametrize(
    "text",
    [
        "Предмет одежды: Куртка\nСостояние: Хорошее\nРазмер: 44-46\nЦена: 2500",
        "Отдам даром, самовывоз. Торг уместен, пишите!",
        "ПРОДАМ СРОЧНО КУРТКУ ЖЕНСКУЮ",
        "Hugo Boss, рубашка мужская, 100% хлопок",
        "Трусы и бюстгальтер, новые, с биркой",
        "Тапочки с чебурашкой, детские, недорого",
    ],
)
def test_the_embedded_checkpoint_lets_ads_pass(mini: ToxicityClassifier, text: str) -> None:
    assert mini.judge([text])[0].passed


@pytest.mark.parametrize(
    "text",
    [
        "какой же ты урод",
        "Куртка новая. Дебилам не звонить!",
        "ты дypa и идuoтка",
        "durak ty, pridurok i urod",
        "т у п о й к о з ё л",
        "Цена: 500, придуууурки, торга нет",
    ],
)
def test_the_embedded_checkpoint_refuses_insults_however_they_are_spelled(mini: ToxicityClassifier, text: str) -> None:
    assert not mini.judge([text])[0].passed


def test_long_lines_are_judged_in_overlapping_pieces() -> None:
    """Each word stands in a short piece, and each line is judged as a whole as well."""
    pieces = split_pieces("Предмет одежды: Куртка\n" + " ".join(str(number) for number in range(10)))
    assert pieces == ["Предмет одежды: Куртка", "0 1 2 3 4 5", "3 4 5 6 7 8", "6 7 8 9", "0 1 2 3 4 5 6 7 8 9"]
    assert split_pieces(" \n") == []


@pytest.mark.parametrize("text", ["говно", "Платье, х у й", "су\u200bка ты", "п1зда", "не вещь, а дерьмо"])
def test_some_words_are_rude_in_any_ad(text: str) -> None:
    assert holds_rude_word(text)


@pytest.mark.parametrize(
    "text", ["Щенки: две суки и кобель", "Застрахуй", "Сучки дерева", "Хула-хуп", "Бляха", "Мандарин"]
)
def test_words_that_only_sound_rude_are_not(text: str) -> None:
    assert not holds_rude_word(text)
