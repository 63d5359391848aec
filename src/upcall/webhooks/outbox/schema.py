"""The tables of an outbox, for every database."""

# Rule 1: states are texts and stand in conditions literally: a planner that does not
#   see the value cannot use a partial index.
# Rule 2: times are whole milliseconds of Unix time.
# Rule 3: what storing an event writes never includes a row of an endpoint, or all who
#   emit would queue up behind it.
# Rule 4: a delivery does not refer to its endpoint by a foreign key, for the same
#   reason; endpoints that were removed keep their row, without its secrets.

from __future__ import annotations

__all__ = (
    "SCHEMA_VERSION",
    "attempt",
    "delivery",
    "endpoint",
    "in_state",
    "message",
    "meta",
    "metadata",
    "worker",
)

from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from upcall.webhooks._proto.delivery import FINISHED, State

SCHEMA_VERSION: Final = 1

metadata: MetaData = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A primary key that counts; SQLite counts only in columns of type INTEGER."""


def _listed(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def in_state(state: State) -> ColumnElement[bool]:
    """Return the condition that a delivery is in this state."""
    return delivery.c.state == literal_column(f"'{state}'")


def _index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


meta: Table = Table(
    "upcall_meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers by name: "schema_version", "endpoint_changes"."""

endpoint: Table = Table(
    "upcall_endpoint",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("timeout", Double, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    Column("size", Integer, nullable=False, server_default="1"),
    Column("proven", Boolean, nullable=False, server_default=text("false")),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("paused_until", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("size BETWEEN 1 AND concurrency", name="upcall_endpoint_window"),
    _index("upcall_endpoint_uid", "uid", where="removed_at IS NULL", unique=True),
    sqlite_autoincrement=True,
)
"""What the user gave ("sealed" has secrets and headers); the window; the rest."""

message: Table = Table(
    "upcall_message",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

delivery: Table = Table(
    "upcall_delivery",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column(
        "message_id",
        _NUMBER,
        ForeignKey("upcall_message.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("endpoint_id", _NUMBER, nullable=False),
    Column("replay", SmallInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default=State.WAITING.value),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("worker", _NUMBER),
    Column("lease_until", BigInteger),
    Column("finished_at", BigInteger),
    Column("reason", Text),
    UniqueConstraint("message_id", "endpoint_id", "replay"),
    CheckConstraint(f"state IN ({_listed(State)})", name="upcall_delivery_state"),
    CheckConstraint(
        "(state = 'claimed') = (worker IS NOT NULL AND lease_until IS NOT NULL)",
        name="upcall_delivery_claimed",
    ),
    CheckConstraint(
        f"(state IN ({_listed(FINISHED)})) = (finished_at IS NOT NULL)",
        name="upcall_delivery_finished",
    ),
    CheckConstraint(
        "state NOT IN ('dead', 'cancelled') OR reason IS NOT NULL",
        name="upcall_delivery_reason",
    ),
    CheckConstraint(
        "0 <= attempts AND attempts <= fence", name="upcall_delivery_fence"
    ),
    _index(
        "upcall_delivery_due",
        "endpoint_id",
        "due_at",
        "id",
        where="state = 'waiting'",
    ),
    _index("upcall_delivery_claims", "endpoint_id", where="state = 'claimed'"),
    _index("upcall_delivery_leases", "lease_until", where="state = 'claimed'"),
    _index("upcall_delivery_dead", "id", where="state = 'dead'"),
    Index("upcall_delivery_endpoint", "endpoint_id", "id"),
    sqlite_autoincrement=True,
)

attempt: Table = Table(
    "upcall_attempt",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column(
        "delivery_id",
        _NUMBER,
        ForeignKey("upcall_delivery.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("number", Integer, nullable=False),
    Column("worker", _NUMBER, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("duration", Double, nullable=False),
    Column("url", Text, nullable=False),
    Column("request_headers", Text, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("address", Text),
    Column("response_headers", Text, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("truncated", Boolean, nullable=False),
    CheckConstraint(
        "(status IS NULL) <> (error IS NULL)", name="upcall_attempt_answer_or_error"
    ),
)

worker: Table = Table(
    "upcall_worker",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
