"""A store in PostgreSQL: any number of processes, on any number of machines."""

# Rule 1: one connection, the writer's. It is made again when it was lost; what was
#   under way then has failed, and nobody knows whether its commit arrived.
# Rule 2: a commit is on disk before it counts: `synchronous_commit` is never off here.
# Rule 3: nobody is told of new work inside a transaction: NOTIFY takes a lock that all
#   commits of the server would queue for. It is sent after commits, at times.
# Rule 4: no statement waits for ever, neither for a lock nor for a server that is gone.

# ruff: noqa: D102 (what a verb does stands in the contract)

from __future__ import annotations

__all__ = ("PostgresStore",)

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, cast

import psycopg
from sqlalchemy import Connection, NullPool, create_engine, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from upcall.webhooks._proto.delivery import Delivery
from upcall.webhooks._proto.errors import ConflictError

from .contract import Keep, Kept, StorageError, TryAgainError
from .seal import Seal
from .sql import SqlStore

_CHANNEL: Final = "upcall"
_SCHEMA_LOCK: Final = 0x7570_6361_6C6C
"""The advisory lock of whoever makes or changes the tables."""

_CONNECT_SECONDS: Final = 10
_LOCK_SECONDS: Final = 10
_STATEMENT_SECONDS: Final = 60
_KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""So that a server that vanished is noticed within half a minute (see libpq's docs)."""

_AGAIN: Final = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, and a lock that did not come in time."""

_TROUBLE: Final = {
    "08": "cannot be reached: see that the server runs",
    "57": "has ended the connection: see that the server runs",
    "58": "has a problem with its system: look at the server's log",
    "53": "has run out of something: look at the server's disk and connections",
    "28": "refuses the user: set user and password in the URL",
    "3D": "does not exist: create the database",
    "XX": "is damaged: look at the server's log",
    "25006": "is read-only: give the URL of the primary server",
    "42501": "may not be used: grant the user its schema and tables",
    "42P01": "has lost a table: open it again to make what is missing",
}
"""What a SQLSTATE, or its class, means for the store as a whole, and what to do."""


class PostgresStore(SqlStore):
    """A store in PostgreSQL, through psycopg.

    Args:
        url: of the database; with the driver ``postgresql+psycopg``.
        seal: for the secrets.
        may_migrate: whether `open` makes or changes tables.
    """

    connection: Connection

    def __init__(self, url: URL, seal: Seal, *, may_migrate: bool = True) -> None:
        super().__init__(seal, may_migrate=may_migrate)
        self._name = f"the outbox {url.render_as_string()}"
        self._open = False
        self._fresh = False
        self._told_by_others = False
        self._engine: Final = create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,  # they are payloads and secrets
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "upcall",
                **_KEEPALIVE,
            },
        )

    def open(self) -> None:
        self.connection = self._connect()
        self._open = True

        try:
            with self.transaction():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._open:
            self._open = False
            self.connection.close()

    def transaction(self) -> AbstractContextManager[object]:
        return self._transaction()

    # --- verbs that others are told of ---

    def keep(self, keeps: Sequence[Keep]) -> Sequence[Kept | ConflictError]:
        results = super().keep(keeps)
        self._fresh |= any(
            isinstance(kept, Kept) and kept.new and kept.deliveries for kept in results
        )
        return results

    def enable(
        self, endpoint: str, *, enabled: bool, now: float, why: str | None = None
    ) -> None:
        super().enable(endpoint, enabled=enabled, now=now, why=why)
        self._fresh = True

    def pause(self, endpoint: str, *, paused: bool) -> None:
        super().pause(endpoint, paused=paused)
        self._fresh = True

    def replay(
        self, delivery: int, *, now: float, new_id: str | None = None
    ) -> Delivery:
        self._fresh = True
        return super().replay(delivery, now=now, new_id=new_id)

    def replay_since(self, endpoint: str, since: float, *, now: float) -> int:
        self._fresh = True
        return super().replay_since(endpoint, since, now=now)

    # --- clocks and wakes ---

    def time(self) -> float | None:
        moment = func.extract("epoch", func.clock_timestamp())
        return float(self.connection.execute(select(moment)).scalar_one())

    @property
    def fresh(self) -> bool:
        return self._fresh

    def announce(self) -> None:
        self._fresh = False

        # The next transaction connects again; others look by themselves.
        if not self._is_lost:
            self._outside(f"NOTIFY {_CHANNEL}")

    def peek(self) -> bool:
        # Reads what has come, and asks the server nothing.
        if self._is_lost:
            return False

        wire = self._driver().pgconn

        try:
            wire.consume_input()
        except psycopg.OperationalError:
            self.connection.invalidate()
            return True

        while (notice := wire.notifies()) is not None:
            self._heard(notice.be_pid)

        told, self._told_by_others = self._told_by_others, False
        return told

    def _heard(self, sender: int) -> None:
        if sender != self._driver().pgconn.backend_pid:
            self._told_by_others = True

    def _driver(self) -> psycopg.Connection[Any]:
        found = self.connection.connection.driver_connection
        return cast("psycopg.Connection[Any]", found)

    def _outside(self, statement: str) -> None:
        with self._told(), self.connection.begin():
            self.connection.execute(text(statement))

    # --- the connection ---

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        if self._is_lost:
            self._reconnect()

        with self._told(), self.connection.begin():
            yield

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        """Turn what is wrong with the store itself into an error that says so."""
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _AGAIN:
                raise TryAgainError(f"{self._name}: {_first(error)}") from error

            trouble = self._trouble(error)

            if trouble is None:
                raise

            raise StorageError(trouble) from error

    @property
    def _is_lost(self) -> bool:
        return self.connection.invalidated or self.connection.closed

    def _reconnect(self) -> None:
        self.connection.close()
        self.connection = self._connect()

    def _connect(self) -> Connection:
        with self._told():
            connection = self._engine.connect()

        try:
            with self._told():
                _set_up(connection)
        except BaseException:
            connection.close()
            raise

        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.add_notify_handler(lambda notice: self._heard(notice.pid))
        return connection

    def _lock_schema(self) -> None:
        self.connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))

    def _is_gone(self, worker: int) -> bool:  # noqa: ARG002 (any of them)
        return False  # it may be on another machine: its heartbeat tells

    def _trouble(self, error: DBAPIError) -> str | None:
        """Say what is wrong with the store itself, or None if nothing is."""
        state: str = getattr(error.orig, "sqlstate", None) or ""
        known = _TROUBLE.get(state) or _TROUBLE.get(state[:2])

        # Without a state it is the driver's: of the connection, or of a single value.
        broken = not state and isinstance(error.orig, psycopg.OperationalError)

        if known is None and (error.connection_invalidated or broken):
            known = (
                "cannot be reached: see that the server runs, and that it has this "
                "database and takes this user and password"
            )

        return None if known is None else f"{self._name} {known} ({_first(error)})"


def _set_up(connection: Connection) -> None:
    """Set what holds for the connection."""
    with connection.begin():
        connection.execute(text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.execute(text(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'"))
        connection.execute(
            text(f"SET idle_in_transaction_session_timeout = '{_STATEMENT_SECONDS}s'")
        )
        found: Any = connection.execute(text("SHOW synchronous_commit")).scalar()

        if found == "off":
            connection.execute(text("SET synchronous_commit = on"))

        connection.execute(text(f"LISTEN {_CHANNEL}"))


def _first(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
