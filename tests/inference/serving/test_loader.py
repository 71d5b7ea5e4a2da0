"""The loader: checkpoint folders are loaded together, or one error names the one that cannot be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForImageTextToText

from cli.__main__ import main
from inference import devices
from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import Sampling
from inference.checkpoints import registry
from inference.checkpoints.card import Card, Download, load_card, save_card
from inference.devices import Device
from inference.errors import CheckpointError
from inference.listing.types import Description, Submission, Upload
from inference.listing.validation import build_job
from inference.moderation.match import MatchPolicy
from inference.serving.loader import Describer, Loader, load_describer
from tests.support.models import tiny
from tests.support.models.vision_language import SAVED

FIELDS = "Название: куртка\nЦена: 5000 руб.\nРазмер: 44\nТелефон: +7 900 123-45-67"


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """Copy the checkpoints, so that a test may break them."""
    return shutil.copytree(tiny_root, tmp_path / "checkpoints")


@pytest.fixture(scope="module")
def describer(tiny_root: Path) -> Describer:
    loaded = load_describer(tiny_root)
    assert isinstance(loaded.models.captioner, PrefixCaptioner)
    loaded.models.captioner.sampling = Sampling(drafts=2, max_things_tokens=8, max_text_tokens=25)
    return loaded


def describe(describer: Describer, *submissions: Submission, seed: int = 0) -> list[Description]:
    return describer.describe([build_job(each, seed=seed) for each in submissions])


def submission(photos: int, attributes: str = "") -> Submission:
    return Submission(tuple(Upload(tiny.png(tiny.picture(number))) for number in range(photos)), attributes)


def test_a_describer_follows_its_cards(root: Path) -> None:
    """Threshold and known things come from the dual encoder's card, the number of photos from the captioner's."""
    save_card(replace(load_card(root / "clip" / "mini"), calibration={"match_threshold": 0.37}))
    describer = load_describer(root)
    assert describer.models.checks.match_policy == MatchPolicy(0.37)
    assert (describer.models.captioner.name, describer.models.captioner.max_photos) == ("mini", 10)


def test_every_mode_passes_all_steps(describer: Describer) -> None:
    """With random weights the words are nonsense, but modes, scores and numbers are right."""
    both, photos, text, ten = describe(
        describer, submission(2, FIELDS), submission(1), submission(0, FIELDS), submission(10, "Цена: 5")
    )
    assert [result.mode for result in (both, photos, text, ten)] == ["photos+text", "photos", "text", "photos+text"]
    assert all(result.checkpoint == "mini" for result in (both, photos, text, ten))
    assert both.scores.bertscore is not None
    assert photos.masked is None


def test_no_text_holds_a_number_of_its_own(describer: Describer) -> None:
    """The digits of every text are digits of its input."""
    submissions = [submission(count, text) for count in (1, 0, 4) for text in (FIELDS, "Цена: 100")] + [submission(3)]
    for seed in range(3):
        for asked, result in zip(submissions, describe(describer, *submissions, seed=seed), strict=True):
            assert set(re.findall(r"\d+", result.text or "")) <= set(re.findall(r"\d+", str(asked.attributes)))


def test_a_text_does_not_depend_on_the_batch_or_its_order(describer: Describer) -> None:
    submissions = [submission(2, FIELDS), submission(5), submission(0, "Платье белое"), submission(1, "Цена: 7")]
    together = [result.text for result in describe(describer, *submissions)]
    assert [describe(describer, each)[0].text for each in submissions] == together
    assert [result.text for result in describe(describer, *submissions[::-1])] == together[::-1]


def test_a_seed_makes_the_text_repeatable(describer: Describer) -> None:
    texts = [describe(describer, submission(1, FIELDS), seed=seed)[0].text for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


Break = Callable[[Path], object]


def without_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(dict(list(weights.items())[1:]), folder / "model.safetensors")


def with_a_foreign_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"foreign.weight": torch.zeros(2)}, folder / "model.safetensors")


def with_another_shape(folder: Path) -> None:
    name, *rest = load_file(folder / "model.safetensors").items()
    save_file(dict(rest) | {name[0]: torch.zeros(3, 1, 4)}, folder / "model.safetensors")


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def with_an_unknown_setting(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if name != "width"}))


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def without(name: str) -> Break:
    def remove(folder: Path) -> None:
        (folder / name).unlink()

    return remove


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')


BREAKS: list[Break] = [without_a_weight, with_a_foreign_weight, with_another_shape, cut_off, no_json]
TOKENIZED: list[Break] = [without("tokenizer.json"), no_tokenizer]
CASES = [(kind, broken) for kind in ("clip", "captioner", "diversity", "facts", "toxicity") for broken in BREAKS]
CASES += [(kind, broken) for kind in ("clip", "captioner", "toxicity") for broken in TOKENIZED]
CASES += [
    ("clip", without("preprocessor_config.json")),
    ("diversity", with_an_unknown_setting),
    ("facts", with_an_unknown_setting),
]


@pytest.mark.parametrize(("kind", "broken"), CASES)
def test_a_folder_that_does_not_load_is_named(root: Path, kind: str, broken: Break) -> None:
    """Whatever is wrong with files that are as the card says becomes one error that a user can act on."""
    broken(root / kind / "mini")
    save_card(load_card(root / kind / "mini"))
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    code, details = raised.value.message.code, raised.value.message.details
    assert code in ("checkpoint-broken", "checkpoint-file-missing", "import-file-broken") or code.startswith("weights-")
    assert f"{kind}/mini" in str(details)


def test_the_tokenizer_of_another_model_is_named(root: Path) -> None:
    """The dual encoder's tokenizer has the same form, but lacks the captioner's tokens."""
    shutil.copy(root / "clip" / "mini" / "tokenizer.json", root / "captioner" / "mini" / "tokenizer.json")
    save_card(load_card(root / "captioner" / "mini"))
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.details == {"checkpoint": "captioner/mini"}


def test_an_unknown_family_is_named(root: Path) -> None:
    path = root / "captioner" / "mini" / "card.toml"
    path.write_text(path.read_text().replace('"prefix"', '"suffix"'))
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.code == "checkpoint-family"
    assert raised.value.message.details == {"checkpoint": "captioner/mini", "family": "suffix"}


@pytest.mark.parametrize("kind", ["clip", "captioner", "diversity", "facts", "toxicity"])
def test_a_missing_checkpoint_is_named(root: Path, kind: str) -> None:
    shutil.rmtree(root / kind)
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.code == "checkpoint-missing"


def test_another_captioner_is_found_by_its_folder(root: Path) -> None:
    """A folder dropped in is known without a code change."""
    shutil.copytree(root / "captioner" / "mini", root / "captioner" / "mine")
    save_card(load_card(root / "captioner" / "mine"))
    assert load_describer(root, "mine").models.captioner.name == "mine"


def test_the_command_line_ends_with_one_sentence(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, the checkpoint by name, no traceback."""
    cut_off(root / "clip" / "mini")
    code = main(["describe", "--checkpoints", str(root), "--attributes", "Куртка"])
    printed = capsys.readouterr()
    assert (code, printed.out) == (4, "")
    assert "clip/mini" in printed.err
    assert len(printed.err.strip().splitlines()) == 1


def test_captioners_share_the_models_around_them(root: Path) -> None:
    shutil.copytree(root / "captioner" / "mini", root / "captioner" / "mine")
    loader = Loader(root)
    first, second = loader.load("mini").models, loader.load("mine").models
    assert first.captioner is not second.captioner
    assert replace(first, captioner=second.captioner) == second


def test_the_estimate_is_the_size_of_the_weights_in_memory(tiny_root: Path) -> None:
    """It comes from the file's header, before anything is loaded."""
    loader = Loader(tiny_root)
    captioner = loader.load("mini").models.captioner
    assert isinstance(captioner, PrefixCaptioner)
    weights = captioner._model.state_dict().values()
    assert loader.estimate_bytes("mini") == sum(weight.nbytes for weight in weights)


@pytest.mark.parametrize("kind", ["clip", "captioner", "diversity", "facts", "toxicity"])
def test_a_damaged_file_is_named_before_anything_is_read_from_it(root: Path, kind: str) -> None:
    """One byte of a weight: the file would load, and write nonsense."""
    path = root / kind / "mini" / "model.safetensors"
    weights = bytearray(path.read_bytes())
    weights[-1] ^= 1
    path.write_bytes(weights)
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.code == "checkpoint-damaged"
    assert raised.value.message.details == {"checkpoint": f"{kind}/mini", "file": "model.safetensors"}


def test_a_captioner_that_does_not_fit_into_memory_raises_with_its_size(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is loaded: `load` compares with the free memory, `estimate_bytes` with the total."""
    size = Loader(root).estimate_bytes("mini")
    needed = devices.estimate_memory(size)
    assert needed > size
    small = Device("cpu", torch.float32, free=needed - 1, total=needed)
    monkeypatch.setattr(devices, "choose_device", lambda numbers, dtype: small)
    assert Loader(root).estimate_bytes("mini") == size
    with pytest.raises(CheckpointError) as raised:
        Loader(root).load("mini")
    assert raised.value.message.code == "memory-short"
    monkeypatch.setattr(devices, "choose_device", lambda numbers, dtype: replace(small, total=needed - 1))
    with pytest.raises(CheckpointError) as raised:
        Loader(root).estimate_bytes("mini")
    assert raised.value.message.details == {
        "checkpoint": "captioner/mini",
        "needed": needed / 1e9,
        "free": (needed - 1) / 1e9,
    }


def test_memory_is_released_before_a_model_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models in reference cycles and blocks that torch caches are unused."""
    machines = [Device("cpu", torch.bfloat16, free=1, total=1 << 40), Device("cpu", torch.float32, 1 << 40, 1 << 40)]
    monkeypatch.setattr(devices, "choose_device", lambda numbers, dtype: machines[0])
    monkeypatch.setattr(devices, "release_memory", lambda: machines.reverse())
    assert Loader(root).load("mini").models.captioner.name == "mini"
    assert machines[0].free > 1


@pytest.mark.parametrize("kind", SAVED)
@pytest.mark.parametrize("bits", [4, 8])
def test_the_estimate_of_quantized_weights(root: Path, monkeypatch: pytest.MonkeyPatch, kind: str, bits: int) -> None:
    """Only linear layers shrink: `bitsandbytes` leaves embeddings, head and norms as they are."""
    folder = root / "captioner" / "chats"
    SAVED[kind](folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    save_card(Card(folder=folder, family="chat-vlm", version="1", max_photos=3, settings={"bits": bits}))
    numbers = sum(weight.numel() for weight in model.parameters())
    assert Loader(root).estimate_bytes("chats") == numbers * 4
    monkeypatch.setattr(Device, "can_quantize", True)
    layers = [each for each in model.modules() if isinstance(each, nn.Linear)]
    quantised = sum(each.weight.numel() for each in layers if each is not model.get_output_embeddings())
    taken = quantised * bits // 8 + (numbers - quantised) * 4
    assert taken <= Loader(root).estimate_bytes("chats") < 1.05 * taken


@pytest.mark.parametrize(
    ("family", "adapters", "wide"),
    [
        ("prefix", (), 2),
        ("prefix", ("lora",), 4),
        ("soft-prompt", (), 4),
        ("rudolph", (), 2),
        ("rudolph", ("lora",), 4),
    ],
)
def test_the_estimate_of_weights_that_are_loaded_as_published(
    root: Path, monkeypatch: pytest.MonkeyPatch, family: str, adapters: tuple[str, ...], wide: int
) -> None:
    """Adapters are merged before the weights are converted to a narrower dtype; a GPU gets converted weights."""
    path = root / "captioner" / "mini" / "model.safetensors"
    published = load_file(path)
    width = torch.float16 if family == "rudolph" else torch.float32
    save_file({name: weight.to(width) for name, weight in published.items()}, path)
    save_card(replace(load_card(path.parent), family=family, adapters=adapters))
    numbers = sum(weight.numel() for weight in published.values())
    for name, each in (("cpu", wide), ("mps", wide), ("cuda", 2)):
        device = Device(name, torch.bfloat16, free=1 << 40, total=1 << 40)
        monkeypatch.setattr(devices, "choose_device", lambda numbers, dtype, device=device: device)
        assert each * numbers <= Loader(root).estimate_bytes("mini") < 1.1 * each * numbers


def test_a_dependency_counts_in_the_estimate_and_is_not_loaded_twice(root: Path) -> None:
    """An interrogator over `mini` shares the captioner that is in use."""
    folder = root / "captioner" / "asks"
    folder.mkdir()
    settings = {"captioner": "mini", "clip": "mini", "mode": "fast", "areas": ["tops"]}
    requires = ("captioner/mini", "clip/mini")
    save_card(
        Card(folder=folder, family="interrogator", version="1", max_photos=3, settings=settings, requires=requires)
    )
    loader = Loader(root)
    assert loader.estimate_bytes("asks") == loader.estimate_bytes("mini")
    mini = loader.load("mini").models.captioner
    asks = loader.load("asks").models.captioner
    assert mini in vars(asks).values()


def test_a_public_model_that_was_not_downloaded_is_named(root: Path) -> None:
    part: Download = {"repo": "owner/model", "revision": "", "files": ["model.safetensors"], "folder": ""}
    save_card(replace(load_card(root / "captioner" / "mini"), download=(part,)))
    (root / "captioner" / "mini" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.code == "checkpoint-not-here"


def test_a_missing_dependency_is_named(root: Path) -> None:
    save_card(replace(load_card(root / "captioner" / "mini"), requires=("clip/none",)))
    with pytest.raises(CheckpointError) as raised:
        load_describer(root)
    assert raised.value.message.code == "checkpoint-missing"
    assert raised.value.message.details["checkpoint"] == "clip/none"


def test_a_captioner_too_large_for_the_memory_is_refused_before_it_is_hashed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(registry, "check_hashes", lambda card: hashed.append(card.id))
    monkeypatch.setattr(devices, "choose_device", lambda numbers, dtype: Device("cpu", torch.float32, free=1, total=1))
    with pytest.raises(CheckpointError, match="memory-short"):
        load_describer(root)
    assert "captioner/mini" not in hashed
    with pytest.raises(CheckpointError, match="memory-short"):
        Loader(root).estimate_bytes("mini")
    assert "captioner/mini" not in hashed


def test_a_cut_adapter_is_named(root: Path) -> None:
    folder = root / "captioner" / "mini"
    (folder / "lora").mkdir()
    (folder / "lora" / "adapter_model.safetensors").write_bytes(b"half")
    card = folder / "card.toml"
    card.write_text('adapters = ["lora"]\n' + card.read_text().replace("adapters = []\n", ""))
    with pytest.raises(CheckpointError) as raised:
        Loader(root).load("mini")
    assert raised.value.message.code == "adapter-unfit"
    assert raised.value.message.details == {"checkpoint": "captioner/mini", "adapter": "lora"}


def test_the_estimate_names_a_broken_captioner(root: Path) -> None:
    cut_off(root / "captioner" / "mini")
    save_card(load_card(root / "captioner" / "mini"))
    with pytest.raises(CheckpointError) as raised:
        Loader(root).estimate_bytes("mini")
    assert raised.value.message.details == {"file": str(root / "captioner" / "mini" / "model.safetensors")}
