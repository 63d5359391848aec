"""The outbox in a SQLite file, or in memory."""

# Rule 1: synchronous=FULL. What a commit returned for survives a loss of power, on an
#   honest disk.
# Rule 2: WAL only where it is sound: SQLite before 3.51.3 can corrupt a file whose WAL
#   is reset while two connections write. There, several processes use TRUNCATE, and
#   one alone, under a lock, WAL.
# Rule 3: no mmap: a bad page of somebody else's file is an error, never a signal.
# Rule 4: a file that was deleted goes on taking writes that nobody will ever read. So
#   we look whether it is still there before a commit counts.
# Rule 5: each worker holds a lock on a file of its own. Whoever can take the lock of
#   another one knows that it has ended, however it did.

# ruff: noqa: D102 (what a verb does stands in the contract)

from __future__ import annotations

__all__ = ("BUSY_SECONDS", "SOUND_WAL", "Processes", "SqliteStore", "journal_mode")

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from upcall.webhooks._proto.errors import OutboxError

from .contract import Lapsed, StorageError
from .locks import FileLock
from .seal import Seal
from .sql import SqlStore

Processes: TypeAlias = Literal["many", "one"]

SOUND_WAL: Final = (3, 51, 3)
"""The first version of SQLite whose WAL may be shared by processes that write."""

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another process to end its own."""

_TROUBLE: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another process: let that one finish",
    sqlite3.SQLITE_LOCKED: "is locked by another connection: close that one",
    sqlite3.SQLITE_PERM: "may not be used: set the permissions of the file",
    sqlite3.SQLITE_READONLY: "is read-only: make the file and its directory writable",
    sqlite3.SQLITE_IOERR: "cannot be read or written: look at the disk",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    sqlite3.SQLITE_FULL: "has no room left: free some space on its disk",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: see that its directory exists and is "
    "writable",
    sqlite3.SQLITE_NOTADB: "is no SQLite database: give another file",
}
"""What a primary result code means for the store as a whole, and what to do."""


class SqliteStore(SqlStore):
    """A store in SQLite.

    Args:
        path: the file; None is a database in memory, which ends with the store.
        seal: for the secrets.
        processes: ``"many"`` may have the file open, or only ``"one"``.
        may_migrate: whether `open` makes or changes tables.
    """

    def __init__(
        self,
        path: Path | None,
        seal: Seal,
        *,
        processes: Processes = "many",
        may_migrate: bool = True,
    ) -> None:
        super().__init__(seal, may_migrate=may_migrate)
        self._file = None if path is None else _File(path.absolute())
        self._shared = processes == "many"
        self._mode = journal_mode(processes)
        self._engine: Engine | None = None
        self._workers: dict[int, FileLock] = {}
        self._version: int | None = None

    def open(self) -> None:
        try:
            if self._file is not None:
                self._file.open(shared=self._shared)

            self._engine = self._connect()
            self._set_up()

            with self.transaction():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for lock in self._workers.values():
            lock.release()

        self._workers.clear()

        if self._engine is not None:
            self.connection.close()
            self._engine.dispose()
            self._engine = None

        if self._file is not None:
            self._file.close()

    def transaction(self) -> AbstractContextManager[object]:
        return self._transaction()

    def enlist(self, *, now: float) -> int:
        number = super().enlist(now=now)

        if self._file is not None:
            lock = FileLock.take(self._file.beside(f"worker-{number}"))
            assert lock is not None, "the number is new: nobody else knows it"
            self._workers[number] = lock

        return number

    def dismiss(self, worker: int, *, now: float) -> Lapsed:
        lapsed = super().dismiss(worker, now=now)

        if worker in self._workers:
            self._workers.pop(worker).release(remove=True)

        return lapsed

    def _is_gone(self, worker: int) -> bool:
        if self._file is None or worker in self._workers:
            return False

        lock = FileLock.take(self._file.beside(f"worker-{worker}"))

        if lock is not None:
            lock.release(remove=True)

        return lock is not None

    def _integrity(self) -> Sequence[str]:
        rows = self._driver().execute("PRAGMA integrity_check").fetchall()
        return [f"SQLite: {text}" for (text,) in rows if text != "ok"]

    def peek(self) -> bool:
        # Rises with every commit of another connection, and of no other thing.
        found = self._driver().execute("PRAGMA data_version").fetchone()[0]
        seen, self._version = self._version, found
        return seen not in (None, found)

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        try:
            with self.connection.begin():
                yield
                self._look()

            self._look()
        except DBAPIError as error:
            self._look()
            trouble = self._trouble(error.orig)

            if trouble is None:
                raise

            raise StorageError(trouble) from error

    def _look(self) -> None:
        if self._file is not None:
            self._file.look()

    def _connect(self) -> Engine:
        name = ":memory:" if self._file is None else str(self._file.path)

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None)

        engine = create_engine(
            "sqlite://",
            creator=connect,
            poolclass=StaticPool,
            hide_parameters=True,  # they are payloads and secrets
        )
        event.listen(engine, "begin", _begin)

        try:
            self.connection: Connection = engine.connect()
        except DBAPIError as error:
            raise OutboxError(self._trouble(error.orig) or str(error.orig)) from error

        return engine

    def _driver(self) -> sqlite3.Connection:
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return driver

    def _set_up(self) -> None:
        """Set what holds for the connection, outside of any transaction."""
        driver = self._driver()

        try:
            driver.execute("PRAGMA synchronous = FULL")
            driver.execute("PRAGMA foreign_keys = ON")
            driver.execute("PRAGMA mmap_size = 0")

            if self._file is not None:
                self._set_journal(driver)
        except sqlite3.Error as error:
            raise OutboxError(self._trouble(error) or str(error)) from error

    def _set_journal(self, driver: sqlite3.Connection) -> None:
        (found,) = driver.execute(f"PRAGMA journal_mode = {self._mode}").fetchone()

        if found.upper() != self._mode:
            raise OutboxError(
                f"{self._name} is in use with journal_mode={found}, and needs "
                f"{self._mode}: close what else has it open"
            )

    def _trouble(self, error: BaseException | None) -> str | None:
        """Say what is wrong with the store itself, or None if nothing is."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        text = _TROUBLE.get(code)
        return None if text is None else f"{self._name} {text} ({error})"

    @property
    def _name(self) -> str:
        return "the outbox" if self._file is None else f"the outbox {self._file.path}"


class _File:
    """The database file: its lock, its permissions, and whether it is still there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FileLock | None = None
        self._identity: tuple[int, int] | None = None

    def open(self, *, shared: bool) -> None:
        self._lock = FileLock.take(self.beside("lock"), shared=shared)

        if self._lock is None:
            other = (
                "processes='one'" if shared else "another process, or another Outbox"
            )
            raise OutboxError(
                f"the outbox {self.path} is in use by {other}: end that one, or open "
                "both with processes='many'"
            )

        self._create()
        self._identity = self._present()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def beside(self, name: str) -> Path:
        """Return the path of a file of ours beside the database."""
        return self.path.with_name(f"{self.path.name}-{name}")

    def look(self) -> None:
        """Return if the file that is open is still the one of that name."""
        if self._present() != self._identity:
            raise StorageError(
                f"the outbox {self.path} was deleted or replaced while it was open: "
                "put the file back and open it again"
            )

    def _create(self) -> None:
        """Make the file before SQLite does, for its owner alone: journals follow it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

        try:
            os.close(os.open(self.path, flags, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise OutboxError(
                f"the outbox {self.path} cannot be made ({error.strerror}): see that "
                "its directory exists and is writable"
            ) from error

    def _present(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None

        return found.st_dev, found.st_ino


def journal_mode(processes: Processes) -> str:
    """Return the journal that is sound for so many processes; see rule 2."""
    sound = sqlite3.sqlite_version_info >= SOUND_WAL
    return "WAL" if sound or processes == "one" else "TRUNCATE"


def _begin(connection: Connection) -> Any:
    # A deferred transaction that writes after it has read fails at once when somebody
    # else has written in between, whatever the busy timeout.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
