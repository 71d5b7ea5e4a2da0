"""Injected faults: errors, dropped connections and delays, by method and chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sandbox.state.types import BotApiError

REASONS = {
    400: "Bad Request: as the sandbox was told to",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    409: "Conflict: as the sandbox was told to",
    429: "Too Many Requests: retry after {retry_after}",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


class Fault(BaseModel):
    """A fault that is applied `times` times (None: always).

    The method "download" is the transfer of a file, "*" any method. With a `code` the method is not executed. `drop`
    cuts the connection before the method ("request") or after it ("answer"). `delay` seconds pass between the method
    and its answer.
    """

    model_config = ConfigDict(strict=True)

    method: str = "*"
    code: int | None = None
    retry_after: int | None = None
    description: str | None = None
    drop: Literal["request", "answer"] | None = None
    delay: float = 0.0
    times: int | None = 1
    chat_id: int | None = None

    def concerns(self, method: str, chat_id: int | None) -> bool:
        """Return True if the fault applies to this call."""
        return self.method.lower() in ("*", method.lower()) and self.chat_id in (None, chat_id) and self.times != 0

    @property
    def error(self) -> BotApiError | None:
        """Return the error that replaces the method's result."""
        if self.code is None:
            return None
        reason = self.description or REASONS.get(self.code, f"Error {self.code}")
        parameters = None if self.retry_after is None else {"retry_after": self.retry_after}
        return BotApiError(self.code, reason.format(retry_after=self.retry_after), parameters)


class Faults:
    """Pending faults, applied in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, method: str = "*", **fields: Any) -> None:
        """Inject a fault with the given fields. Raises `ValidationError` for an invalid one."""
        self.inject(Fault(method=method, **fields))

    def inject(self, fault: Fault) -> None:
        """Inject a fault."""
        self._faults.append(fault)

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """Return the fault that applies to this call, and count it down."""
        fault = next((fault for fault in self._faults if fault.concerns(method, chat_id)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()
