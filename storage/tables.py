"""The tables. `OWNER` marks the column that refers to a row's user, so that nothing about a user is overlooked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
    literal,
    text,
)

USER_COLUMN: Final = {"owner": True}

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

Big = BigInteger().with_variant(Integer(), "sqlite")  # only an INTEGER key counts up by itself in SQLite
Object = JSON(none_as_null=True)


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True)


def _user(name: str = "user_id") -> Column[int]:
    return Column(name, BigInteger, ForeignKey("users.id"), nullable=False, info=USER_COLUMN)


def _reference(name: str, target: str, primary_key: bool = False) -> Column[int]:
    return Column(name, Big, ForeignKey(target), nullable=False, primary_key=primary_key)


def _some(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows that satisfy the condition."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _table(name: str, *parts: Any) -> Table:
    # An id is never given again: a button in an old message must not reach a stranger's new row.
    return Table(name, metadata, *parts, sqlite_autoincrement=any(getattr(part, "name", "") == "id" for part in parts))


users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, info=USER_COLUMN),
    Column("language", Text, nullable=False),
    Column("checkpoint", Text),
    Column("checkpoint_before", Text),
    Column("awaits_correction_of", BigInteger),
    Column("blocked", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_message_id", BigInteger),
    Column("awaits_item_of", BigInteger),
)

listings = _table(
    "listings",
    _id(),
    _user(),
    Column("collecting", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("case", Text),
    Column("window_opened_at", Double),
    Column("card_due_at", Double),
    Column("wants_text", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("previous_id", BigInteger),
    Column("item", Text),
    Column("is_set", Boolean),
    Column("understanding", Object),
    Column("understood_revision", Integer),
    Index(None, "user_id"),
    _some("uq_listings_collecting", "user_id", where="collecting", unique=True),
    _some("ix_listings_due", "card_due_at", where="card_due_at IS NOT NULL"),
)

photos = _table(
    "photos",
    _reference("listing_id", "listings.id", primary_key=True),
    Column("file_unique_id", Text, primary_key=True),
    _user(),
    Column("file_id", Text, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("album", Text),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("mime", Text),
    Column("size", BigInteger),
    Index(None, "user_id", "message_id"),
    Index(None, "user_id", "album"),
)

notes = _table(
    "notes",
    _reference("listing_id", "listings.id", primary_key=True),
    Column("message_id", BigInteger, primary_key=True),
    _user(),
    Column("text", Text, nullable=False),
    Index(None, "user_id", "message_id"),
)

requests = _table(
    "requests",
    _id(),
    _reference("listing_id", "listings.id"),
    _user(),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("checkpoints", Object, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("insists", Boolean, nullable=False, server_default=false()),
    Index(None, "listing_id"),
    Index(None, "user_id"),
    _some("ix_requests_open", "user_id", "id", where="state IN ('pending', 'running')"),
)

# No key to `users` in the three tables of transport: an update may come before its user is known, and a message may
# leave after its user was forgotten.
inbox = _table(
    "inbox",
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, info=USER_COLUMN),
    Column("payload", Text),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("received_at", Double, nullable=False),
    Column("finished_at", Double),
    Index(None, "finished_at"),
    _some("ix_inbox_new", "update_id", where="state = 'new'"),
    _some("ix_inbox_user", "user_id", where="user_id IS NOT NULL"),
    _some("uq_inbox_running", "user_id", where="state = 'running'", unique=True),
)

outbox = _table(
    "outbox",
    _id(),
    Column("chat_id", BigInteger, nullable=False, info=USER_COLUMN),
    Column("text", Text, nullable=False),
    Column("keyboard", Text),
    Column("slot", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("photos", Object, nullable=False),
    Column("document", Text),
    Column("request_id", BigInteger),
    Column("fresh", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("ready_at", Double, nullable=False),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Column("moves", Boolean, nullable=False, server_default=false()),
    Index(None, "chat_id"),
    _some("ix_outbox_pending", "chat_id", "priority", "id", where="state = 'pending'"),
    _some("uq_outbox_slot", "slot", where="state = 'pending'", unique=True),
    _some("uq_outbox_sending", "chat_id", where="state = 'sending'", unique=True),
)

slots = _table(
    "slots",
    Column("slot", Text, primary_key=True),
    Column("chat_id", BigInteger, nullable=False, info=USER_COLUMN),
    Column("message_id", BigInteger, nullable=False),
    Index(None, "chat_id"),
)

leases = _table(
    "leases",
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Double, nullable=False),
    Index(None, "owner"),
)

descriptions = _table(
    "descriptions",
    _id(),
    _reference("listing_id", "listings.id"),
    _reference("request_id", "requests.id"),
    _user(),
    Column("seed", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("case", Text),
    Column("checkpoint", Text, nullable=False),
    Column("text", Text),
    Column("draft", Text),
    Column("masked", Text),
    Column("mode", Text, nullable=False),
    Column("diversity", Double),
    Column("scores", Object, nullable=False),
    Column("timings", Object, nullable=False),
    Column("moderation", Object, nullable=False),
    Column("photo_sha256", Object, nullable=False),
    Column("created_at", Double, nullable=False),
    Index(None, "listing_id"),
    Index(None, "request_id"),
    Index(None, "user_id"),
    Index(None, "checkpoint", "id"),
)

votes = _table(
    "votes",
    _reference("description_id", "descriptions.id", primary_key=True),
    _user(),
    Column("value", SmallInteger, nullable=False),
    Column("reason", Text),
    Column("voted_at", Double, nullable=False),
    Index(None, "user_id"),
)

corrections = _table(
    "corrections",
    _reference("description_id", "descriptions.id", primary_key=True),
    _user(),
    Column("text", Text, nullable=False),
    Column("diff", Text, nullable=False),
    Column("corrected_at", Double, nullable=False),
    Column("message_id", BigInteger),
    Index(None, "user_id", "message_id"),
)

answers = _table(
    "answers",
    _id(),
    _reference("listing_id", "listings.id"),
    _user(),
    Column("question", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("understanding", Object, nullable=False),
    Column("source", Text, nullable=False),
    Column("answered_at", Double, nullable=False),
    Index(None, "listing_id"),
    Index(None, "user_id"),
)

comparisons = _table(
    "comparisons",
    _id(),
    _reference("listing_id", "listings.id"),
    _user(),
    _reference("first_id", "descriptions.id"),
    _reference("second_id", "descriptions.id"),
    Column("choice", Text),
    Column("created_at", Double, nullable=False),
    Column("chosen_at", Double),
    Index(None, "listing_id"),
    Index(None, "user_id"),
    Index(None, "first_id"),
    Index(None, "second_id"),
)


def in_state(table: Table, *states: str) -> ColumnElement[bool]:
    """Return a condition with literal values: a partial index is used only by queries that repeat its condition."""
    words = [literal(state, Text, literal_execute=True) for state in states]
    return table.c.state == words[0] if len(words) == 1 else table.c.state.in_(words)


def user_columns() -> Iterator[Column[int]]:
    """Yield the user column of each table; tables come before those that they refer to."""
    for table in reversed(metadata.sorted_tables):
        yield from (column for column in table.columns if column.info == USER_COLUMN)
