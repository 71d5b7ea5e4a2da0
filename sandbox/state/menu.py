"""The bot's commands by scope and language, and the ones that a user sees."""

from __future__ import annotations

Command = dict[str, str]
Scope = tuple[str, int]
"""The kind of a scope and the chat that it is for, 0 where it is for many."""


class Menu:
    """Command lists; an empty list means that there are none."""

    def __init__(self) -> None:
        self._commands: dict[tuple[Scope, str], list[Command]] = {}

    def put(self, scope: Scope, language: str, commands: list[Command]) -> None:
        """Replace the commands of exactly this scope and language."""
        self._commands[scope, language] = commands

    def get(self, scope: Scope, language: str) -> list[Command]:
        """Return the commands of exactly this scope and language."""
        return self._commands.get((scope, language), [])

    def languages(self) -> set[str]:
        """Return the languages with commands of their own, and the empty code for all others."""
        return {"", *(language for (_, language), commands in self._commands.items() if commands)}

    def visible(self, chat_id: int, language: str) -> list[Command]:
        """Return the commands that a user sees in the private chat: narrowest scope first, within it the own language
        first.
        """
        for scope in (("chat", chat_id), ("all_private_chats", 0), ("default", 0)):
            for code in (language, ""):
                if commands := self.get(scope, code):
                    return commands
        return []
