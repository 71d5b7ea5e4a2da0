"""Cards are found, checked against the files and written back unchanged."""

from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from inference.checkpoints.card import Card, load_card, save_card, save_lock
from inference.checkpoints.registry import find_cards, get_card, is_installed, list_cards, list_dependencies, verify
from inference.errors import CheckpointError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with clip/mini, and captioner/mini that requires it."""
    for kind, requires in (("clip", ()), ("captioner", ("clip/mini",))):
        folder = tmp_path / kind / "mini"
        (folder / "tokenizer").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights of " + kind.encode())
        (folder / "tokenizer" / "vocab.json").write_text("{}")
        save_card(
            Card(
                folder=folder,
                family="prefix",
                version="1",
                languages=("ru",),
                max_photos=10,
                knows=("куртка", "платье"),
                summary={"ru": "Пробный", "en": "A sample"},
                command="opisalka train captioner --data clothing",
                requires=requires,
                data=({"name": "clothing", "licence": "CC0-1.0", "rows": 1360},),
                figures={"cider": 0.4, "families": {"shoes": 0.9}},
                calibration={"match_threshold": 0.2},
            )
        )
    return tmp_path


def error_of(code: str) -> "pytest.RaisesExc[CheckpointError]":
    return pytest.raises(CheckpointError, check=lambda error: error.message.code == code)


def test_a_sealed_card_is_read_back_whole(root: Path) -> None:
    """Everything that training wrote is on the card that serving reads, with a hash for each file."""
    card = get_card(root, "captioner", "mini")
    assert (card.id, card.family, card.version, card.max_photos) == ("captioner/mini", "prefix", "1", 10)
    assert card.requires == ("clip/mini",)
    assert card.languages == ("ru",)
    assert card.knows == ("куртка", "платье")
    assert card.data == ({"name": "clothing", "licence": "CC0-1.0", "rows": 1360},)
    assert card.figures == {"cider": 0.4, "families": {"shoes": 0.9}}
    assert card.calibration == {"match_threshold": 0.2}
    assert set(card.files) == {"model.safetensors", "tokenizer/vocab.json"}
    assert card.size == len(b"weights of captioner") + len("{}")


def test_sealing_twice_changes_nothing(root: Path) -> None:
    card = get_card(root, "clip", "mini")
    before = (card.folder / "card.toml").read_bytes()
    assert save_card(card) == card
    assert (card.folder / "card.toml").read_bytes() == before


def test_a_survey_tells_all_kinds_or_one(root: Path) -> None:
    assert [card.id for card in list_cards(root)[0]] == ["captioner/mini", "clip/mini"]
    assert [card.id for card in list_cards(root, "clip")[0]] == ["clip/mini"]
    assert list_cards(root, "diversity") == ([], [])


def test_a_folder_dropped_in_is_known(root: Path) -> None:
    """A new checkpoint needs a folder and no change of code."""
    (root / "clip" / "mini").rename(root / "clip" / "strangers")
    assert get_card(root, "clip", "strangers").name == "strangers"


@pytest.mark.parametrize("name", ["other", "..", ".", "", "../clip/mini"])
def test_what_is_not_a_name_in_the_folder_is_missing(root: Path, name: str) -> None:
    with error_of("checkpoint-missing"):
        get_card(root, "captioner", name)


def test_a_checkpoint_of_another_kind_is_no_repository_of_the_hub(root: Path) -> None:
    with error_of("checkpoint-missing"):
        get_card(root, "captioner", "clip/mini")


def test_a_survey_tells_cards_and_errors(root: Path) -> None:
    (root / "clip" / "mini" / "card.toml").write_text("family = ")
    cards, errors = list_cards(root)
    assert [card.id for card in cards] == ["captioner/mini"]
    assert [error.message.code for error in errors] == ["card-unreadable"]


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    for call in (lambda: list_cards(tmp_path / "no"), lambda: get_card(tmp_path / "no", "clip", "mini")):
        with error_of("checkpoints-root-missing"):
            call()


def test_whole_checkpoints_verify(root: Path) -> None:
    for card in list_cards(root)[0]:
        verify(card)


def test_a_flipped_bit_is_damage(root: Path) -> None:
    card = get_card(root, "clip", "mini")
    (card.folder / "model.safetensors").write_bytes(b"weights of clyp")
    with error_of("checkpoint-damaged"):
        verify(card)


def test_a_lost_file_is_named(root: Path) -> None:
    card = get_card(root, "clip", "mini")
    (card.folder / "tokenizer" / "vocab.json").unlink()
    with error_of("checkpoint-file-missing"):
        verify(card)


def test_a_file_beside_the_card_is_reported(root: Path) -> None:
    """Nothing that nobody vouched for lies in a verified folder."""
    card = get_card(root, "clip", "mini")
    (card.folder / "pytorch_model.bin").write_bytes(b"pickle")
    with error_of("checkpoint-file-unknown"):
        verify(card)


@pytest.mark.parametrize("name", [".DS_Store", "tokenizer/.DS_Store", ".cache/huggingface/lock", "Thumbs.db"])
def test_what_systems_leave_in_folders_is_nobody_s(root: Path, name: str) -> None:
    card = get_card(root, "clip", "mini")
    (card.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (card.folder / name).write_bytes(b"")
    verify(card)
    assert save_card(card) == card


def test_a_card_in_a_folder_inside_is_a_file_as_any_other(root: Path) -> None:
    card = get_card(root, "clip", "mini")
    (card.folder / "tokenizer" / "card.toml").write_text("of another checkpoint")
    with error_of("checkpoint-file-unknown"):
        verify(card)
    assert "tokenizer/card.toml" in save_card(card).files


def test_an_adapter_that_was_put_there_later_is_not_compared(root: Path) -> None:
    card = get_card(root, "clip", "mini")
    (card.folder / "lora").mkdir()
    (card.folder / "lora" / "adapter_config.json").write_text("{}")
    with error_of("checkpoint-file-unknown"):
        verify(card)
    verify(replace(card, adapters=("lora",)))
    with error_of("checkpoint-file-unknown"):
        verify(replace(card, adapters=("lor",)))


def test_a_required_checkpoint_must_be_there(root: Path) -> None:
    (root / "clip" / "mini").rename(root / "clip" / "gone")
    with error_of("checkpoint-missing"):
        verify(get_card(root, "captioner", "mini"))


def stand(root: Path, name: str, *requires: str) -> Card:
    """The card of a captioner without files of its own."""
    folder = root / "captioner" / name
    folder.mkdir()
    return save_card(Card(folder=folder, family="interrogator", version="1", requires=requires))


def test_all_that_a_card_stands_on_is_required_once_and_from_below(root: Path) -> None:
    stand(root, "left", "captioner/mini")
    stand(root, "right", "clip/mini", "captioner/left")
    above = stand(root, "above", "captioner/left", "captioner/right")
    expected = ["clip/mini", "captioner/mini", "captioner/left", "captioner/right"]
    assert [card.id for card in list_dependencies(above)] == expected


def test_cards_that_require_each_other_are_not_here(root: Path) -> None:
    stand(root, "itself", "captioner/itself")
    stand(root, "first", "captioner/second")
    stand(root, "second", "captioner/first")
    cards, errors = list_cards(root)
    assert [card.id for card in cards if is_installed(card)] == ["captioner/mini", "clip/mini"]
    assert errors == []
    with error_of("card-field"):
        verify(get_card(root, "captioner", "first"))


@pytest.mark.parametrize("missing", ["captioner/gone", "nothing", ""])
def test_what_requires_something_missing_is_not_here(root: Path, missing: str) -> None:
    card = stand(root, "above", missing)
    assert not is_installed(card)
    with error_of("checkpoint-missing"):
        verify(card)


def test_a_card_that_cannot_be_read_keeps_no_other_from_its_name_on_the_hub(root: Path) -> None:
    part = {"repo": "people/public", "revision": "", "files": [], "folder": ""}
    (root / "captioner" / "public").mkdir()
    table = {"family": "prefix", "version": "1", "download": [part]}
    (root / "captioner" / "public" / "card.toml").write_text(tomli_w.dumps(table))
    (root / "captioner" / "mini" / "card.toml").write_text("family = ")
    assert get_card(root, "captioner", "people/public").id == "captioner/public"
    assert [card.id for card in find_cards(root, "people/public")] == ["captioner/public"]
    assert [card.id for card in find_cards(root, "clip/mini")] == ["clip/mini"]
    with error_of("card-unreadable"):
        find_cards(root, "mini")


@pytest.mark.parametrize(
    "text",
    [
        'version = "1"\n[files]',
        'family = "prefix"\nversion = 1\n[files]',
        'family = ""\nversion = "1"\n[files]',
        'family = "prefix"\nversion = "1"',
        'family = "prefix"\nversion = "1"\nlanguages = "ru"\n[files]',
        'family = "prefix"\nversion = "1"\nmax_photos = true\n[files]',
        'family = "prefix"\nversion = "1"\nmax_photos = -3\n[files]',
        'family = "prefix"\nversion = "1"\ncolour = "red"\n[files]',
        'family = "prefix"\nversion = "1"\n[calibration]\nthreshold = "high"\n[files]',
        'family = "prefix"\nversion = "1"\n[files]\n"../../etc/passwd" = "0"',
        'family = "prefix"\nversion = "1"\n[files]\n"/etc/passwd" = "0"',
        'family = "prefix"\nversion = "1"\nadapters = ["../../other/lora"]\n[files]',
        'family = "prefix"\nversion = "1"\nadapters = ["/lora"]\n[files]',
        'family = "prefix"\nversion = "1"\nadapters = [""]\n[files]',
        'family = "prefix"\nversion = "1"\nadapters = ["./."]\n[files]',
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str) -> None:
    """A missing, unknown or ill-typed field is an error of the card, not a crash later."""
    (tmp_path / "card.toml").write_text(text)
    with error_of("card-field"):
        load_card(tmp_path)


@pytest.mark.parametrize("data", [b"family = ", b"\xff\xfe", None])
def test_an_unreadable_card_is_named(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "card.toml").write_bytes(data)
    with error_of("card-unreadable"):
        load_card(tmp_path)


class TestAPublicModel:
    """Its card is shipped, its files come later: the lock beside the card says which."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "captioner" / "public"
        folder.mkdir(parents=True)
        part = {"repo": "people/public", "revision": "", "files": ["model.safetensors"], "folder": ""}
        table = {"family": "prefix", "version": "1", "parameters": 1_000, "download": [part]}
        (folder / "card.toml").write_text(tomli_w.dumps(table))
        return folder

    def fill(self, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"weights")
        save_lock(folder, {"people/public": "c0ffee"}, load_card(folder))

    def test_it_is_not_here_before_its_lock(self, folder: Path) -> None:
        assert not is_installed(load_card(folder))
        assert load_card(folder).published_size == 4_000
        (folder / "model.safetensors").write_bytes(b"half of the weights")
        assert not is_installed(load_card(folder))

    def test_the_lock_completes_the_card(self, folder: Path) -> None:
        before = (folder / "card.toml").read_bytes()
        self.fill(folder)
        (folder / ".gitignore").write_text("*\n")
        card = load_card(folder)
        assert is_installed(card)
        assert card.download[0]["revision"] == "c0ffee"
        verify(card)
        assert (folder / "card.toml").read_bytes() == before

    def test_what_was_lost_has_to_be_pulled_again(self, folder: Path) -> None:
        self.fill(folder)
        (folder / "model.safetensors").unlink()
        assert not is_installed(load_card(folder))

    def test_a_card_that_is_sealed_needs_no_lock(self, folder: Path) -> None:
        self.fill(folder)
        locked = load_card(folder)
        assert save_card(locked) == locked
        assert not (folder / "lock.toml").exists()

    @pytest.mark.parametrize("text", ["files = 1", "[files]\n", '[revisions]\n[files]\n"../x" = ""', "broken"])
    def test_a_wrong_lock_is_named(self, folder: Path, text: str) -> None:
        (folder / "lock.toml").write_text(text)
        with pytest.raises(CheckpointError, match="card-"):
            load_card(folder)

    def test_it_is_not_here_without_what_it_requires(self, folder: Path, tmp_path: Path) -> None:
        card = (folder / "card.toml").read_text()
        (folder / "card.toml").write_text('requires = ["clip/gone"]\n' + card)
        self.fill(folder)
        assert load_card(folder).has_files
        assert not is_installed(load_card(folder))

    def test_it_is_found_by_its_name_on_the_hub(self, folder: Path, tmp_path: Path) -> None:
        assert get_card(tmp_path, "captioner", "people/public").id == "captioner/public"
        assert get_card(tmp_path, "captioner", "captioner/public").id == "captioner/public"
        with error_of("checkpoint-not-here"):
            get_card(tmp_path, "captioner", "people/other")

    def test_what_requires_it_waits_for_it(self, folder: Path, tmp_path: Path) -> None:
        above = tmp_path / "captioner" / "above"
        above.mkdir()
        card = save_card(Card(folder=above, family="prefix", version="1", requires=("captioner/public",)))
        with error_of("checkpoint-not-here"):
            verify(card)

    @pytest.mark.parametrize(
        "part",
        [
            {"repo": "a/b"},
            {"repo": "a/b", "revision": 1, "files": [], "folder": ""},
            {"repo": "a/b", "revision": "", "files": [], "folder": ".."},
            {"repo": "a/b", "revision": "", "files": ["../x"], "folder": ""},
        ],
    )
    def test_a_wrong_download_is_named(self, folder: Path, part: dict[str, object]) -> None:
        (folder / "card.toml").write_text(tomli_w.dumps({"family": "x", "version": "1", "download": [part]}))
        with error_of("card-field"):
            load_card(folder)


class TestAFolderWithoutACard:
    """Somebody's `transformers` folder, put among the captioners."""

    def drop(self, root: Path, name: str, **files: str) -> Path:
        folder = root / "captioner" / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
        for stem, text in files.items():
            (folder / f"{stem}.json").write_text(text)
        return folder

    def test_its_configuration_tells_what_it_is(self, tmp_path: Path) -> None:
        self.drop(tmp_path, "mine", config='{"model_type": "blip-2"}')
        chat = {"preprocessor_config": "{}", "tokenizer_config": '{"chat_template": "{{ messages }}"}'}
        self.drop(tmp_path, "talks", config='{"model_type": "qwen9_vl"}', **chat)
        cards, _ = list_cards(tmp_path)
        assert [(card.id, card.family, is_installed(card)) for card in cards] == [
            ("captioner/mine", "blip2", True),
            ("captioner/talks", "chat-vlm", True),
        ]
        card = get_card(tmp_path, "captioner", "mine")
        assert (card.files, card.size) == ({}, len('weights{"model_type": "blip-2"}'))
        verify(card)  # there is nothing to compare with

    @pytest.mark.parametrize("config", ['{"model_type": "gpt2"}', "{}", "[]", "broken", '{"model_type": "clip"}'])
    def test_a_folder_of_unknown_architecture_needs_a_card(self, tmp_path: Path, config: str) -> None:
        """A language model that chats but sees nothing is none; nor is a dual encoder among the captioners."""
        self.drop(tmp_path, "odd", config=config, tokenizer_config='{"chat_template": ""}')
        assert list_cards(tmp_path) == ([], [])
        with error_of("checkpoint-cardless"):
            get_card(tmp_path, "captioner", "odd")

    def test_pickles_are_said_to_be_pickles(self, tmp_path: Path) -> None:
        folder = self.drop(tmp_path, "raw", config='{"model_type": "vision-encoder-decoder"}')
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(CheckpointError) as caught:
            get_card(tmp_path, "captioner", "raw")
        assert caught.value.message.code == "checkpoint-unsafe"
        assert caught.value.message.details == {"folder": str(folder), "format": "encoder-decoder"}

    def test_an_adapter_among_the_weights_is_refused(self, tmp_path: Path) -> None:
        """`transformers` would read it, and the model that it names, in place of what lies there."""
        folder = self.drop(tmp_path, "mine", config='{"model_type": "blip-2"}', adapter_config="{}")
        assert [error.message.code for error in list_cards(tmp_path)[1]] == ["adapter-loose"]
        (folder / "card.toml").write_text('family = "blip2"\nversion = "1"\n[files]')
        with error_of("adapter-loose"):
            get_card(tmp_path, "captioner", "mine")

    def test_what_is_not_finished_is_not_there(self, tmp_path: Path) -> None:
        self.drop(tmp_path, ".mine.new", config='{"model_type": "blip-2"}')
        assert list_cards(tmp_path) == ([], [])
        with error_of("checkpoint-missing"):
            get_card(tmp_path, "captioner", ".mine")
