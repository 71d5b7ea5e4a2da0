"""The settings: one class, read from the environment and from `.env`. `.env.example` explains each key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.errors import InvalidInput

ROOT: Final = Path(__file__).resolve().parents[1]

_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{3,100}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{8,256}")  # the alphabet of `setWebhook`, too long to be guessed
_DATABASES: Final = ("sqlite+aiosqlite:///", "postgresql+asyncpg://")


def _match(pattern: re.Pattern[str]) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        if not pattern.fullmatch(secret.get_secret_value()):
            raise ValueError
        return secret

    return AfterValidator(check)


def _check_url(schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        if url and not re.fullmatch(rf"(?:{schemes})://[^\s/?#]+[^\s?#]*", url):
            raise ValueError
        return url.rstrip("/")

    return AfterValidator(check)


def _check_database(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not url.get_secret_value().startswith(_DATABASES):
        raise ValueError
    return url


def _split_ids(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Count = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Settings(BaseSettings):
    """The settings of one installation; use `load_settings` for an error that names the wrong key."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    bot_token: Annotated[SecretStr, _match(_TOKEN)]
    api_server: Annotated[str, _check_url("https?")] = ""
    api_server_is_local: bool = False
    webhook_url: Annotated[str, _check_url("https?")] = ""
    webhook_secret: Annotated[SecretStr, _match(_SECRET)] | None = None
    webhook_host: str = "127.0.0.1"
    webhook_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    admins: Annotated[frozenset[int], NoDecode, BeforeValidator(_split_ids)] = frozenset()
    database_url: Annotated[SecretStr, AfterValidator(_check_database)] = SecretStr("")
    data: Path = ROOT / "data"
    keep_photos: bool = False
    checkpoints: Path = ROOT / "checkpoints"
    model_default: Annotated[str, Field(min_length=1)] = "mini"
    model_pinned: str | None = None
    moderation: Path | None = None
    moderation_warnings: Literal["ask", "write", "refuse"] = "ask"
    max_batch: Annotated[int, Field(ge=1, le=256)] = 8
    engine_memory_mb: Annotated[int, Field(ge=100)] = 1500
    request_timeout_s: Seconds = 120
    max_waiting: Count = 200
    max_waiting_per_user: Count = 3
    rate_total: Annotated[int, Field(ge=1, le=1000)] = 30
    rate_chat: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1
    album_quiet_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 1
    album_limit_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 8
    drain_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 20
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.webhook_url and self.webhook_secret is None:
            raise PydanticCustomError("missing", "", {"key": "webhook_secret"})
        if self.api_server_is_local and not self.api_server:
            raise PydanticCustomError("missing", "", {"key": "api_server"})
        if self.album_limit_s < self.album_quiet_s:
            raise PydanticCustomError("too_small", "", {"key": "album_limit_s"})
        return self

    @property
    def bot_id(self) -> int:
        """The id of the bot: the number in the token, which is not secret."""
        return int(self.bot_token.get_secret_value().partition(":")[0])

    @property
    def database(self) -> str:
        """The URL of the database; without one, a SQLite file in the data folder."""
        return self.database_url.get_secret_value() or f"{_DATABASES[0]}{self.data.resolve() / 'opisalka.db'}"

    @property
    def secrets(self) -> list[str]:
        """The strings that no log may contain."""
        values = (self.bot_token, self.webhook_secret, self.database_url)
        return [secret.get_secret_value() for secret in values if secret is not None]

    @property
    def file_limit_mb(self) -> int:
        """The largest file, in megabytes: Telegram serves 20, a local Bot API server more than the pipeline accepts."""
        return 25 if self.api_server_is_local else 20


def load_settings(**overrides: object) -> Settings:
    """Load the settings from the environment and `.env`, with `overrides` on top.

    Raises `InvalidInput` with one sentence that names the first wrong key and never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates them
    except ValidationError as error:
        raise _to_invalid_input(error) from None  # the error contains the values, and some are secrets


def _to_invalid_input(error: ValidationError) -> InvalidInput:
    first = error.errors(include_input=False, include_url=False)[0]
    context: Mapping[str, object] = first.get("ctx", {})
    key = str(context.get("key") or first["loc"][0]).upper()
    if first["type"] != "missing":
        return InvalidInput("setting-wrong", key=key)
    return InvalidInput("setting-token-missing") if key == "BOT_TOKEN" else InvalidInput("setting-missing", key=key)
