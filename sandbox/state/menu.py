"""The bot's commands, by scope and language, and which of them a user sees."""

from __future__ import annotations

Command = dict[str, str]
Scope = tuple[str, int]
"""The kind of a scope and the chat that it is for, 0 where it is for many."""


class Menu:
    """An empty list means that there are none."""

    def __init__(self) -> None:
        self._commands: dict[tuple[Scope, str], list[Command]] = {}

    def put(self, scope: Scope, language: str, commands: list[Command]) -> None:
        """Replaces the commands of exactly this scope and language."""
        self._commands[scope, language] = commands

    def get(self, scope: Scope, language: str) -> list[Command]:
        """The commands of exactly this scope and language."""
        return self._commands.get((scope, language), [])

    def languages(self) -> set[str]:
        """Languages that have commands of their own, and the empty code for everybody else."""
        return {"", *(language for (_, language), commands in self._commands.items() if commands)}

    def seen(self, chat_id: int, language: str) -> list[Command]:
        """What a user sees in the private chat: the narrowest scope first, and in it the own language first."""
        for scope in (("chat", chat_id), ("all_private_chats", 0), ("default", 0)):
            for code in (language, ""):
                if commands := self.get(scope, code):
                    return commands
        return []
