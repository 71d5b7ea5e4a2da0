"""All simulated users of a sandbox."""

from __future__ import annotations

from itertools import count

from sandbox.state.telegram import Telegram
from sandbox.testing.person import Person

FIRST_ID = 1001


class People:
    """Users by id; the pages are notified of new ones."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._people: dict[int, Person] = {}
        self._ids = count(FIRST_ID)

    @property
    def everyone(self) -> list[Person]:
        """Return the users in order of creation."""
        return list(self._people.values())

    def user(self, user_id: int, name: str = "", language: str = "ru") -> Person:
        """Return the user with an id, created if new; an empty name is filled in."""
        if user_id not in self._people:
            user = {"id": user_id, "is_bot": False, "first_name": name or f"User {user_id}", "language_code": language}
            person = Person(self._telegram, self._telegram.chat_of(user))
            self._people[user_id] = person
            self._telegram.events.publish("user", user_id, person.card)
        return self._people[user_id]

    def add(self, name: str, language: str) -> Person:
        """Create a user with a free id."""
        free = next(user_id for user_id in self._ids if user_id not in self._people)
        return self.user(free, name, language)

    def find(self, user_id: int) -> Person:
        """Return an existing user. Raises `LookupError` for an unknown id."""
        person = self._people.get(user_id)
        if person is None:
            raise LookupError(f"there is no user {user_id}")
        return person
