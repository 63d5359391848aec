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
    "rendering",
    "request",
    "request_attempt",
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

SCHEMA_VERSION: Final = 2

metadata: MetaData = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A primary key that counts; SQLite counts only in columns of type INTEGER."""


def _listed(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def in_state(*states: State, of: Table | None = None) -> ColumnElement[bool]:
    """Return the condition that it is in this state, or in one of these.

    Args:
        states: the states.
        of: the table of what it is; a delivery by default.
    """
    column = (delivery if of is None else of).c.state
    texts: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    return column == texts[0] if len(texts) == 1 else column.in_(texts)


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
"""Numbers by name: "schema_version"; "needs" (the oldest schema that a worker may have
been written for and still work here); "endpoint_changes"."""

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
    Column("tenant", Text),
    Column("filter", Text),
    Column("version", Integer),
    Column("format", Text, nullable=False, server_default="standard"),
    Column("source", Text),
    Column("rate", Double),
    Column("ordered", Boolean, nullable=False, server_default=text("false")),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    Column("disabled_at", BigInteger),
    Column("disabled_why", Text),
    Column("size", Integer, nullable=False, server_default="1"),
    Column("proven", Boolean, nullable=False, server_default=text("false")),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("paused_until", BigInteger, nullable=False, server_default="0"),
    Column("rate_at", BigInteger, nullable=False, server_default="0"),
    Column("failing_since", BigInteger),
    Column("alarmed", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("size BETWEEN 1 AND concurrency", name="upcall_endpoint_window"),
    _index("upcall_endpoint_uid", "uid", where="removed_at IS NULL", unique=True),
    sqlite_autoincrement=True,
)
"""What the user gave ("sealed" has secrets and headers); how it stands; the window, the
rate ("rate_at", in microseconds: when the next request would come, were they spread
evenly), and its health ("alarmed": it was told that it fails)."""

message: Table = Table(
    "upcall_message",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("tenant", Text),
    Column("fanned_out", Boolean, nullable=False, server_default=text("true")),
    _index("upcall_message_unfanned", "id", where="NOT fanned_out"),
    sqlite_autoincrement=True,
)
"""One that an `enqueue` wrote has no deliveries until a worker has fanned it out."""

rendering: Table = Table(
    "upcall_rendering",
    metadata,
    Column(
        "message_id",
        _NUMBER,
        ForeignKey("upcall_message.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""The payload of a message in other versions than its own, for endpoints that are
pinned to one."""

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
    Column("uid", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("format", Text, nullable=False, server_default="standard"),
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
    _index("upcall_delivery_dead", "id", where="state = 'dead'"),
    _index(
        "upcall_delivery_order",
        "endpoint_id",
        "message_id",
        where="replay = 0 AND state IN ('waiting', 'claimed')",
    ),
    _index(
        "upcall_delivery_replays",
        "endpoint_id",
        "due_at",
        "id",
        where="replay > 0 AND state IN ('waiting', 'claimed')",
    ),
    _index("upcall_delivery_ended", "finished_at", where="finished_at IS NOT NULL"),
    Index("upcall_delivery_endpoint", "endpoint_id", "id"),
    sqlite_autoincrement=True,
)
"""Version and format are pinned when it is made. "uid" is what the receiver sees as id,
where that is not the message's: a replay under a new one."""

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
    Column("heartbeat_at", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

request: Table = Table(
    "upcall_request",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("sender_id", Text, nullable=False),
    Column("digest", Text),
    Column("replayed", Boolean, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("keep_until", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=State.WAITING.value),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("replayed_after", Integer, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("worker", _NUMBER),
    Column("lease_until", BigInteger),
    Column("finished_at", BigInteger),
    Column("reason", Text),
    CheckConstraint(f"state IN ({_listed(State)})", name="upcall_request_state"),
    CheckConstraint(
        "(state = 'claimed') = (worker IS NOT NULL AND lease_until IS NOT NULL)",
        name="upcall_request_claimed",
    ),
    CheckConstraint(
        f"(state IN ({_listed(FINISHED)})) = (finished_at IS NOT NULL)",
        name="upcall_request_finished",
    ),
    CheckConstraint(
        "state <> 'dead' OR reason IS NOT NULL", name="upcall_request_reason"
    ),
    CheckConstraint(
        "0 <= replayed_after AND replayed_after <= attempts AND attempts <= fence",
        name="upcall_request_fence",
    ),
    _index(
        "upcall_request_holder",
        "source",
        "digest",
        where="digest IS NOT NULL AND NOT replayed",
        unique=True,
    ),
    _index("upcall_request_due", "due_at", "id", where="state = 'waiting'"),
    _index("upcall_request_claims", "worker", where="state = 'claimed'"),
    _index("upcall_request_dead", "id", where="state = 'dead'"),
    _index("upcall_request_ended", "finished_at", where="finished_at IS NOT NULL"),
    sqlite_autoincrement=True,
)
"""An event that came in, and what it was read from. "uid" is the id of its envelope,
which names the source, the sender's id, and what was signed where that id was not.
"replayed": the signed bytes came before, under another id; who was first holds them.
"replayed_after" is how many attempts there were when it was last replayed."""

request_attempt: Table = Table(
    "upcall_request_attempt",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column(
        "request_id",
        _NUMBER,
        ForeignKey("upcall_request.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("number", Integer, nullable=False),
    Column("worker", _NUMBER, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("duration", Double, nullable=False),
    Column("error", Text),
)
"""An attempt is one emission; without an error, every callback has finished."""
