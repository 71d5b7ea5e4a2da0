"""Settings: what fits, what stops the start with one sentence, and that no secret is ever said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from bot.settings import ROOT, Settings, load_settings
from inference.errors import InvalidInput, Message
from locales.translate import LANGUAGES, translate

TOKEN = "123456:AAf-secret_Secret"  # noqa: S105 - a pretend one
SECRET = "webhook-secret_1"  # noqa: S105 - a pretend one


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def complaint(**given: object) -> Message:
    """What is said of these settings."""
    with pytest.raises(InvalidInput) as raised:
        load_settings(**given)
    assert raised.value.__cause__ is None
    return raised.value.message


class TestExample:
    """`.env.example` tells every key, and nothing else."""

    text = (ROOT / ".env.example").read_text("utf-8")
    lines = text.splitlines()
    keys: ClassVar = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))

    def test_it_names_the_keys_that_there_are(self) -> None:
        assert set(self.keys) == {name.upper() for name in Settings.model_fields}

    def test_what_is_commented_out_is_the_default(self) -> None:
        given = {name.lower(): value for name, value in self.keys.items() if value}
        assert load_settings(bot_token=TOKEN, **given) == load_settings(bot_token=TOKEN)

    def test_copied_as_it_is_it_asks_for_the_token(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(self.text, "utf-8")
        assert complaint().code == "setting-token-missing"

    def test_each_key_is_explained(self) -> None:
        blocks = [block for block in self.text.split("\n\n") if re.search(r"^#?[A-Z_]+=", block, re.MULTILINE)]
        assert [block for block in blocks if not block.startswith("# ")] == []


class TestRead:
    def test_the_environment_beats_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}\nMAX_BATCH=4\nDRAIN_S=3\nOTHER=1\n", "utf-8")
        monkeypatch.setenv("MAX_BATCH", "5")
        settings = load_settings()
        assert (settings.max_batch, settings.drain_s, settings.bot_id) == (5, 3, 123456)

    @pytest.mark.parametrize("value", ["1,2", "1, 2", "1 2"])
    def test_admins_are_a_list(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ADMINS", value)
        assert load_settings(bot_token=TOKEN).admins == {1, 2}

    def test_an_empty_value_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODEL_PINNED", "")
        monkeypatch.setenv("MAX_BATCH", "")
        settings = load_settings(bot_token=TOKEN)
        assert (settings.model_pinned, settings.max_batch) == (None, 8)

    def test_without_a_url_the_database_is_a_file_in_the_data_folder(self, tmp_path: Path) -> None:
        settings = load_settings(bot_token=TOKEN, data=tmp_path)
        assert settings.database == f"sqlite+aiosqlite:///{tmp_path.resolve()}/opisalka.db"

    @pytest.mark.parametrize(("local", "limit"), [(False, 20), (True, 25)])
    def test_a_local_server_hands_out_larger_files(self, local: bool, limit: int) -> None:
        settings = load_settings(bot_token=TOKEN, api_server="http://localhost:8082/", api_server_is_local=local)
        assert (settings.file_limit_mb, settings.api_server) == (limit, "http://localhost:8082")


class TestComplaints:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("bot_token", "123456"),
            ("bot_token", "123456:short key"),
            ("bot_token", "https://123456:AAfsecret"),
            ("api_server", "localhost:8082"),
            ("api_server_is_local", "perhaps"),
            ("webhook_url", "example.org/hook"),
            ("webhook_secret", "short"),
            ("webhook_secret", "пароль-пароль"),
            ("webhook_port", "70000"),
            ("admins", "anna"),
            ("database_url", "mysql://somebody:password@localhost/base"),
            ("keep_photos", "sometimes"),
            ("max_batch", "0"),
            ("engine_memory_mb", "10"),
            ("request_timeout_s", "nan"),
            ("max_waiting", "many"),
            ("max_waiting_per_user", "0"),
            ("rate_total", "0.5"),
            ("rate_chat", "0"),
            ("rate_chat", "inf"),
            ("album_quiet_s", "-1"),
            ("album_limit_s", "0.5"),
            ("drain_s", "-1"),
            ("log_level", "LOUD"),
        ],
    )
    def test_a_wrong_value_is_named_by_its_key_and_not_repeated(self, key: str, value: str) -> None:
        message = complaint(**{"bot_token": TOKEN, key: value})
        assert (message.code, message.details) == ("setting-wrong", {"key": key.upper()})
        for language in LANGUAGES:
            sentence = translate(message, language)
            assert key.upper() in sentence
            assert value not in sentence
            assert "\n" not in sentence

    def test_a_webhook_needs_a_secret(self) -> None:
        message = complaint(bot_token=TOKEN, webhook_url="https://example.org/hook")
        assert (message.code, message.details) == ("setting-missing", {"key": "WEBHOOK_SECRET"})

    def test_a_local_server_needs_its_address(self) -> None:
        message = complaint(bot_token=TOKEN, api_server_is_local=True)
        assert (message.code, message.details) == ("setting-missing", {"key": "API_SERVER"})

    def test_no_token_is_said_with_what_helps(self) -> None:
        message = complaint()
        assert message.code == "setting-token-missing"
        assert "opisalka demo" in translate(message)


def test_printed_settings_hold_no_secret() -> None:
    database = "postgresql+asyncpg://somebody:password@localhost/base"
    settings = load_settings(bot_token=TOKEN, webhook_secret=SECRET, database_url=database)
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert not [secret for secret in settings.secrets if secret in shown]
    assert settings.secrets == [TOKEN, SECRET, database]
    assert isinstance(settings.bot_token, SecretStr)
