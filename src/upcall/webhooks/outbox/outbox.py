"""The outbox as its users see it: a URL, keys, and whether others share it."""

from __future__ import annotations

__all__ = ("KEEP", "KEEP_DEAD", "Outbox")

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import anyio
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import OutboxError

from .contract import Store
from .seal import Seal
from .sqlite import Processes, SqliteStore
from .writer import Writer

_HELP: Final = (
    "give 'sqlite:///outbox.db' (a file), 'sqlite://' (in memory, for tests), or "
    "'postgresql://user:password@host/database'"
)
_DAY: Final = 24 * 60 * 60.0

KEEP: Final = 30 * _DAY
"""How long what was delivered or cancelled is kept, in seconds."""

KEEP_DEAD: Final = 90 * _DAY
"""How long what is dead is kept, in seconds."""

_SQLITE: Final = ("sqlite", "sqlite+pysqlite")
_POSTGRES: Final = ("postgresql", "postgresql+psycopg", "postgres")


class Outbox:
    """Where deliveries wait, until they have been delivered.

    An outbox does nothing by itself: bridges and workers open it, with a thread of its
    own for all that touches the database. Several of one process may share the object;
    the first opens it and the last closes it. A database in memory ends with that.

    Args:
        url: ``"sqlite:///outbox.db"``, ``"sqlite:////absolute/outbox.db"``, or
            ``"sqlite://"`` for one in memory. A new file is for its owner alone.
            ``"postgresql://user:password@host/database"`` for one in PostgreSQL, which
            needs the extra ``postgres``.
        keys: Fernet keys that seal the secrets and header values of endpoints, the
            newest first; every one of them opens what it sealed. Without keys they are
            stored in clear.
        processes: ``"many"`` (the default) may use a file at once. ``"one"`` refuses
            all others while it is open; before SQLite 3.51.3 that is faster. Nothing to
            PostgreSQL, which always serves many.
        keep: how many seconds a delivery stays on record after it was delivered or
            cancelled, 30 days by default. None is for ever.
        keep_dead: the same for a dead one, 90 days by default. A message goes when all
            of its deliveries may.
        migrate: whether opening it makes the tables, or changes those of an older
            Upcall. Else it says that ``upcall outbox migrate`` has to.

    Raises:
        OutboxError: if the URL is none that we know.
        OptionError: if a key is none, or something else cannot be as it is.
    """

    def __init__(
        self,
        url: str,
        *,
        keys: Sequence[str | bytes] = (),
        processes: Processes = "many",
        keep: float | None = KEEP,
        keep_dead: float | None = KEEP_DEAD,
        migrate: bool = True,
    ) -> None:
        if processes not in ("many", "one"):
            raise OptionError(f"processes={processes!r}: give 'many' or 'one'")

        self._may_migrate = migrate
        self.keep: Final = _seconds("keep", keep)
        self.keep_dead: Final = _seconds("keep_dead", keep_dead)
        self._url = _parsed(url)
        self._seal = Seal(keys)
        self._processes: Processes = processes
        self._lock = threading.Lock()
        self._users = 0
        self._opened: tuple[Store, Writer] | None = None

    def __repr__(self) -> str:
        state = "closed" if self._opened is None else "open"
        return f"<Outbox {self._url.render_as_string()!r}, {state}>"

    @property
    def store(self) -> Store:
        """The store; its verbs are for the writer to call.

        Raises:
            OutboxError: if the outbox is not open.
        """
        return self._open()[0]

    @property
    def writer(self) -> Writer:
        """The thread that calls the verbs of the store.

        Raises:
            OutboxError: if the outbox is not open.
        """
        return self._open()[1]

    async def open(self) -> None:
        """Open it, or open it for one more; `close` it as often.

        Cancelled or failed, it is as if it had not been called.

        Raises:
            OutboxError: if it cannot be opened, with what to do.
        """
        store, writer = self._enter()

        try:
            await writer.perform(store.changes)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close it for one of those who opened it; the last one ends its thread.

        What has been handed to the writer is done first. Not to be cancelled.
        """
        writer = self._leave()

        if writer is not None:
            with anyio.CancelScope(shield=True):
                await writer.close()

    def _open(self) -> tuple[Store, Writer]:
        if self._opened is None:
            raise OutboxError(f"{self!r}: open the bridge that uses it")

        return self._opened

    def _enter(self) -> tuple[Store, Writer]:
        with self._lock:
            if self._opened is None:
                store = self._make_store()
                self._opened = store, Writer(store)
                self._opened[1].start()

            self._users += 1
            return self._opened

    def _make_store(self) -> Store:
        if self._url.drivername in _SQLITE:
            path = _path(self._url)
            return SqliteStore(
                path,
                self._seal,
                processes=self._processes,
                may_migrate=self._may_migrate,
            )

        # Only who has such a database needs the driver.
        from .postgres import PostgresStore  # noqa: PLC0415

        return PostgresStore(self._url, self._seal, may_migrate=self._may_migrate)

    def _leave(self) -> Writer | None:
        with self._lock:
            self._users -= 1

            if self._users or self._opened is None:
                return None

            writer = self._opened[1]
            self._opened = None
            return writer


def _seconds(name: str, given: float | None) -> float | None:
    number = isinstance(given, int | float) and not isinstance(given, bool)

    if given is not None and not (number and given >= 0):
        raise OptionError(f"{name}={given!r}: give seconds from 0 on, or None for ever")

    return given


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise OutboxError(f"this is no database URL: {_HELP}") from None

    if parsed.drivername in _POSTGRES:
        return _with_driver(parsed)

    if parsed.drivername not in _SQLITE:
        raise OutboxError(
            f"there is no outbox for {parsed.drivername!r} databases: {_HELP}"
        )

    if parsed.host or parsed.query:
        raise OutboxError(
            f"{parsed.render_as_string()!r} has a host or options, which are not for "
            f"SQLite: {_HELP}"
        )

    return parsed


def _with_driver(url: URL) -> URL:
    """Return the URL with our driver; see that it is there."""
    if find_spec("psycopg") is None:
        raise OutboxError(
            "an outbox in PostgreSQL needs psycopg: pip install 'upcall[postgres]'"
        )

    if not url.database:
        raise OutboxError(f"{url.render_as_string()!r} names no database: {_HELP}")

    return url.set(drivername="postgresql+psycopg")


def _path(url: URL) -> Path | None:
    if url.database in (None, "", ":memory:"):
        return None

    return Path(url.database)
