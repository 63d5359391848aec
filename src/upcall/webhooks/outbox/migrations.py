"""Schema versions: how tables are made, and how older ones become those of today."""

# Rule 1: a migration is written out. It does not follow the tables as they are in code,
#   which go on changing after it.
# Rule 2: all of them happen in one transaction, under a lock that the store takes: who
#   comes at the same time waits, and finds nothing left to do.
# Rule 3: a migration says what it asks of workers that are running ("needs"): the
#   oldest schema that one of them may have been written for. One that only adds asks
#   for nothing new, and they go on.
# Rule 4: a migration counts a change of endpoints. So a worker that runs looks at once
#   whether it still may, in the transaction in which it would have done something.

from __future__ import annotations

__all__ = ("Migration", "check_schema", "migrate", "schema_trouble")

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs
from sqlalchemy import Connection, insert, inspect, select, update

from upcall.webhooks._proto.errors import OutboxError

from .endpoints import count_change
from .schema import SCHEMA_VERSION, meta, metadata

_NEEDS: Final = 2
"""The oldest schema that a worker may know and still use the tables of today."""


@attrs.frozen(kw_only=True)
class Migration:
    """One step, to a version from the one before."""

    needs: int
    """The oldest schema that a worker may have been written for and go on after it."""

    script: str
    """SQL that every database understands for which the version before existed."""


# The first schema was never in any other database than SQLite. Its workers know nothing
# of tenants, and would send the messages of one to all. Nobody wrote down since when an
# endpoint is disabled: since it was added, for all we know. Leases had an index that no
# statement used: what is claimed is never much, and is looked through.
_TO_2: Final = Migration(
    needs=2,
    script="""
    ALTER TABLE upcall_endpoint ADD COLUMN tenant TEXT;
    ALTER TABLE upcall_endpoint ADD COLUMN filter TEXT;
    ALTER TABLE upcall_endpoint ADD COLUMN version INTEGER;
    ALTER TABLE upcall_endpoint ADD COLUMN format TEXT DEFAULT 'standard' NOT NULL;
    ALTER TABLE upcall_endpoint ADD COLUMN source TEXT;
    ALTER TABLE upcall_endpoint ADD COLUMN rate DOUBLE;
    ALTER TABLE upcall_endpoint ADD COLUMN ordered BOOLEAN DEFAULT false NOT NULL;
    ALTER TABLE upcall_endpoint ADD COLUMN paused BOOLEAN DEFAULT false NOT NULL;
    ALTER TABLE upcall_endpoint ADD COLUMN disabled_at BIGINT;
    ALTER TABLE upcall_endpoint ADD COLUMN disabled_why TEXT;
    ALTER TABLE upcall_endpoint ADD COLUMN rate_at BIGINT DEFAULT '0' NOT NULL;
    ALTER TABLE upcall_endpoint ADD COLUMN failing_since BIGINT;
    ALTER TABLE upcall_endpoint ADD COLUMN alarmed BOOLEAN DEFAULT false NOT NULL;
    UPDATE upcall_endpoint SET disabled_at = created_at WHERE NOT enabled;

    ALTER TABLE upcall_message ADD COLUMN tenant TEXT;
    ALTER TABLE upcall_message ADD COLUMN fanned_out BOOLEAN DEFAULT true NOT NULL;
    CREATE INDEX upcall_message_unfanned ON upcall_message (id) WHERE NOT fanned_out;

    CREATE TABLE upcall_rendering (
        message_id INTEGER NOT NULL,
        version INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (message_id, version),
        FOREIGN KEY(message_id) REFERENCES upcall_message (id) ON DELETE CASCADE
    );

    ALTER TABLE upcall_delivery ADD COLUMN uid TEXT;
    ALTER TABLE upcall_delivery ADD COLUMN version INTEGER DEFAULT '1' NOT NULL;
    ALTER TABLE upcall_delivery ADD COLUMN format TEXT DEFAULT 'standard' NOT NULL;
    UPDATE upcall_delivery SET version = (
        SELECT upcall_message.version FROM upcall_message
        WHERE upcall_message.id = upcall_delivery.message_id
    );
    DROP INDEX upcall_delivery_leases;
    CREATE INDEX upcall_delivery_order ON upcall_delivery (endpoint_id, message_id)
        WHERE replay = 0 AND state IN ('waiting', 'claimed');
    CREATE INDEX upcall_delivery_replays ON upcall_delivery (endpoint_id, due_at, id)
        WHERE replay > 0 AND state IN ('waiting', 'claimed');
    CREATE INDEX upcall_delivery_ended ON upcall_delivery (finished_at)
        WHERE finished_at IS NOT NULL;

    ALTER TABLE upcall_worker ADD COLUMN heartbeat_at BIGINT DEFAULT '0' NOT NULL;

    CREATE TABLE upcall_request (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        scheme TEXT NOT NULL,
        event TEXT NOT NULL,
        sender_id TEXT NOT NULL,
        digest TEXT,
        replayed BOOLEAN NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        received_at BIGINT NOT NULL,
        keep_until BIGINT NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        due_at BIGINT NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        replayed_after INTEGER DEFAULT '0' NOT NULL,
        fence INTEGER DEFAULT '0' NOT NULL,
        worker INTEGER,
        lease_until BIGINT,
        finished_at BIGINT,
        reason TEXT,
        CONSTRAINT upcall_request_state CHECK (
            state IN ('cancelled', 'claimed', 'dead', 'delivered', 'waiting')
        ),
        CONSTRAINT upcall_request_claimed CHECK (
            (state = 'claimed') = (worker IS NOT NULL AND lease_until IS NOT NULL)
        ),
        CONSTRAINT upcall_request_finished CHECK (
            (state IN ('cancelled', 'dead', 'delivered')) = (finished_at IS NOT NULL)
        ),
        CONSTRAINT upcall_request_reason CHECK (
            state <> 'dead' OR reason IS NOT NULL
        ),
        CONSTRAINT upcall_request_fence CHECK (
            0 <= replayed_after AND replayed_after <= attempts AND attempts <= fence
        )
    );
    CREATE UNIQUE INDEX upcall_request_holder ON upcall_request (source, digest)
        WHERE digest IS NOT NULL AND NOT replayed;
    CREATE INDEX upcall_request_due ON upcall_request (due_at, id)
        WHERE state = 'waiting';
    CREATE INDEX upcall_request_claims ON upcall_request (worker)
        WHERE state = 'claimed';
    CREATE INDEX upcall_request_dead ON upcall_request (id) WHERE state = 'dead';
    CREATE INDEX upcall_request_ended ON upcall_request (finished_at)
        WHERE finished_at IS NOT NULL;

    CREATE TABLE upcall_request_attempt (
        id INTEGER NOT NULL PRIMARY KEY,
        request_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        worker INTEGER NOT NULL,
        started_at BIGINT NOT NULL,
        duration DOUBLE NOT NULL,
        error TEXT,
        FOREIGN KEY(request_id) REFERENCES upcall_request (id) ON DELETE CASCADE
    );
    CREATE INDEX ix_upcall_request_attempt_request_id
        ON upcall_request_attempt (request_id);
    """,
)

MIGRATIONS: Final[Mapping[int, Migration]] = MappingProxyType({2: _TO_2})
"""The steps, by the version that they lead to."""


def migrate(connection: Connection) -> tuple[int, int]:
    """Make the tables that are missing, or bring older ones to the schema of today.

    To be called in a transaction, under a lock that keeps others from doing the same.

    Returns:
        The version that was found (0: there were no tables), and the one there is now,
        which is a later one if a newer Upcall has been here that lets this one go on.

    Raises:
        OutboxError: if the schema is too new for this Upcall, or none that it knows.
    """
    found = _read(connection, "schema_version")

    if found is None:
        metadata.create_all(connection)
        _note(connection, version=SCHEMA_VERSION, needs=_NEEDS)
        return 0, SCHEMA_VERSION

    _refuse(schema_trouble(connection))

    for version in range(found + 1, SCHEMA_VERSION + 1):
        step = MIGRATIONS[version]

        for statement in step.script.split(";")[:-1]:
            connection.exec_driver_sql(statement)

        _note(connection, version=version, needs=step.needs)

    if found < SCHEMA_VERSION:
        count_change(connection)

    if found <= SCHEMA_VERSION:
        metadata.create_all(connection)  # if one was lost

    return found, max(found, SCHEMA_VERSION)


def check_schema(connection: Connection) -> None:
    """Return if the tables are there and can be used as they are.

    Raises:
        OutboxError: if they have to be made or migrated first, or are too new; it says
            what to do.
    """
    found = _read(connection, "schema_version")

    if found is None:
        raise OutboxError(
            "the outbox has no tables yet: run `upcall outbox migrate`, or open it "
            "without migrate=False"
        )

    _refuse(schema_trouble(connection))

    if found < SCHEMA_VERSION:
        raise OutboxError(
            f"the outbox has schema {found}, and this Upcall needs {SCHEMA_VERSION}: "
            "run `upcall outbox migrate`, or open it without migrate=False"
        )


def schema_trouble(connection: Connection) -> str | None:
    """Say why this Upcall must not use the tables, or None if it may."""
    found = _read(connection, "schema_version") or 0
    needs = _read(connection, "needs") or found

    if found > SCHEMA_VERSION and needs > SCHEMA_VERSION:
        return (
            f"the outbox was written by a newer Upcall (schema {found}, which needs "
            f"{needs}; this one knows {SCHEMA_VERSION}): upgrade upcall"
        )

    if found < 1:
        return f"the outbox has a schema {found}, which never was: restore a backup"

    return None


def _refuse(trouble: str | None) -> None:
    if trouble is not None:
        raise OutboxError(trouble)


def _read(connection: Connection, name: str) -> int | None:
    if not inspect(connection).has_table(meta.name):
        return None

    found: int | None = connection.execute(
        select(meta.c.value).where(meta.c.name == name)
    ).scalar()
    return found


def _note(connection: Connection, *, version: int, needs: int) -> None:
    for name, value in (("schema_version", version), ("needs", needs)):
        changed = update(meta).where(meta.c.name == name).values(value=value)

        if not connection.execute(changed).rowcount:
            connection.execute(insert(meta).values(name=name, value=value))
