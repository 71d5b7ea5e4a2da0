"""What shall go wrong: errors, lost connections and late answers, method by method and chat by chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass
class Fault:
    """One thing that goes wrong `times` times (None: always).

    With a `code` the method is not carried out. `drop` cuts the connection before the method ("request") or after
    it ("answer"). `delay` seconds pass before the answer; the method is carried out before them.
    """

    method: str
    code: int | None = None
    retry_after: int | None = None
    description: str | None = None
    drop: Literal["request", "answer"] | None = None
    delay: float = 0.0
    times: int | None = 1
    chat_id: int | None = None

    def concerns(self, method: str, chat_id: int | None) -> bool:
        """Whether it strikes this call."""
        return self.method.lower() in ("*", method.lower()) and self.chat_id in (None, chat_id) and self.times != 0

    @property
    def error(self) -> BotApiError | None:
        """The answer in place of the method's own."""
        if self.code is None:
            return None
        reason = self.description or REASONS.get(self.code, f"Error {self.code}")
        parameters = None if self.retry_after is None else {"retry_after": self.retry_after}
        return BotApiError(self.code, reason.format(retry_after=self.retry_after), parameters)


class Faults:
    """The faults that wait to strike; the one added first strikes first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        method: str = "*",
        *,
        code: int | None = None,
        retry_after: int | None = None,
        description: str | None = None,
        drop: Literal["request", "answer"] | None = None,
        delay: float = 0.0,
        times: int | None = 1,
        chat_id: int | None = None,
    ) -> Fault:
        """Orders a fault. The method "download" is the transfer of a file, "*" is any."""
        fault = Fault(method, code, retry_after, description, drop, delay, times, chat_id)
        self._faults.append(fault)
        return fault

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """The fault that strikes this call, counted down."""
        fault = next((fault for fault in self._faults if fault.concerns(method, chat_id)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
        return fault

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._faults.clear()
