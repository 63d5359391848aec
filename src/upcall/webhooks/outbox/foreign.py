"""Messages written through connections of other people, in their transactions."""

# Rule 1: their libraries are recognised, never imported: an object of one can only be
#   there if somebody else has imported it.
# Rule 2: nothing here begins, commits or rolls back. Where a connection is in no
#   transaction and would commit by itself, it is refused.
# Rule 3: nothing here fails on purpose: a statement that fails ends a transaction of
#   PostgreSQL's. What is stored already is left alone, and then compared.
# Rule 4: what goes wrong in their transaction is theirs: errors of the driver come out
#   as they are, so that a serialization failure can be tried again. Only missing tables
#   are our business.

from __future__ import annotations

__all__ = ("write_message",)

import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import (
    ClauseElement,
    Connection,
    Dialect,
    Integer,
    bindparam,
    case,
    false,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from upcall.errors import WrongTypeError
from upcall.webhooks._proto.errors import ConflictError, OutboxError

from .contract import Keep
from .messages import INSERT_MESSAGE
from .renderings import INSERT_RENDERING, rows_of_renderings
from .rows import row_of_message
from .schema import message

_Given: TypeAlias = Mapping[str, Any]

_UNFANNED: Final = {
    name: statement.values(fanned_out=false())
    for name, statement in INSERT_MESSAGE.items()
}
_INSERT: Final[Mapping[str, ClauseElement]] = {
    "sqlite": _UNFANNED["sqlite"],
    # A row is an answer in a pipeline of psycopg's, too, where numbers come later.
    "postgresql": _UNFANNED["postgresql"].returning(message.c.id),
}
_COMPARE: Final = select(
    case(
        (
            (message.c.name == bindparam("name"))
            & (message.c.data == bindparam("data"))
            & message.c.tenant.is_not_distinct_from(bindparam("tenant")),
            literal_column("1", Integer),
        ),
        else_=literal_column("0", Integer),
    )
).where(message.c.uid == bindparam("uid"))
_MISSING: Final = ("42P01", "42703")
"""What PostgreSQL says where a table or column is not there."""

_TRIES: Final = 3
"""Whoever has stored a message first may delete it before we compare."""

_HELP: Final = (
    "give a Connection or Session of SQLAlchemy, a connection or cursor of sqlite3, "
    "psycopg or Django"
)


class _Door(Protocol):
    """A connection of whatever library, as it is used here."""

    kind: str
    """The name of the SQL dialect."""

    def execute(
        self, statement: ClauseElement, given: _Given, *, fetch: bool = False
    ) -> tuple[int, Any]:
        """Return how many rows were changed, and the first value of the first row.

        The value is None if there is no row, or it is not to be fetched.
        """
        ...

    def commits_by_itself(self) -> bool:
        """Tell whether what is executed now would be committed at once."""
        ...


def write_message(connection: object, keep: Keep) -> None:
    """Write a message for a worker to fan out, in the transaction of a connection.

    Raises:
        WrongTypeError: if this is no connection that we know.
        ConflictError: if its id is in use for another message. The transaction goes on.
        OutboxError: if the connection is in no transaction, or the database has no
            outbox.
    """
    door = _recognise(connection)

    try:
        _write(door, keep)
    except Exception as error:
        if _is_missing(error):
            raise OutboxError(
                "this database has no outbox, or an old one: open one with its URL "
                "once, or run 'upcall outbox migrate'"
            ) from error

        raise


def _write(door: _Door, keep: Keep) -> None:
    if door.kind not in _INSERT:
        raise OutboxError(
            f"there is no outbox for {door.kind!r} databases: use SQLite or PostgreSQL"
        )

    if door.commits_by_itself():
        raise OutboxError(
            "the connection is in no transaction, and commits by itself: begin one, so "
            "that the event is stored with what it tells about, or not at all"
        )

    if not _insert(door, row_of_message(keep.message)):
        raise ConflictError(
            f"id={keep.message.id!r} is stored already, with another name, payload or "
            "tenant: give each event an id of its own"
        )

    for each in rows_of_renderings(keep.message.id, keep.renderings):
        door.execute(INSERT_RENDERING[door.kind], each)


def _insert(door: _Door, row: _Given) -> bool:
    """Insert a message; return False if there is another one of its id."""
    content = {name: row[name] for name in ("uid", "name", "data", "tenant")}

    for _ in range(_TRIES):
        answers = door.kind == "postgresql"
        count, number = door.execute(_INSERT[door.kind], row, fetch=answers)

        if number is not None or count == 1:
            return True

        same = door.execute(_COMPARE, content, fetch=True)[1]

        if same is not None:
            return bool(same)

    raise OutboxError(
        f"id={row['uid']!r} is stored and deleted by others all the time: give each "
        "event an id of its own"
    )


def _is_missing(error: BaseException) -> bool:
    """Tell whether a table or column of ours is not there."""
    seen = [error, getattr(error, "orig", None), error.__cause__]
    return any(
        getattr(each, "sqlstate", None) in _MISSING
        or getattr(each, "pgcode", None) in _MISSING
        or str(each).startswith("no such table: upcall_")
        or ("table upcall_" in str(each) and "has no column named" in str(each))
        for each in seen
    )


# --- SQLAlchemy ---


class _SqlAlchemy:
    """A connection of SQLAlchemy's, whatever the driver below."""

    def __init__(self, connection: Connection) -> None:
        self.kind = connection.dialect.name
        self._connection = connection

    def execute(
        self, statement: ClauseElement, given: _Given, *, fetch: bool = False
    ) -> tuple[int, Any]:
        execute: Callable[..., Any] = self._connection.execute
        options = {"preserve_rowcount": True}
        result = execute(statement, given, execution_options=options)
        return result.rowcount, result.scalar() if fetch else None

    def commits_by_itself(self) -> bool:
        if not self._connection.in_transaction():
            self._connection.begin()  # as any statement would

        raw = self._connection.connection
        driver = raw.driver_connection

        if isinstance(driver, sqlite3.Connection):
            return _is_idle(driver)

        dbapi: Any = raw.dbapi_connection
        found = self._connection.dialect.detect_autocommit_setting(dbapi)
        return found and not getattr(driver, "in_transaction", False)


# --- drivers ---

_SQLITE: Final = sqlite.dialect(paramstyle="qmark")
_new_psycopg: Callable[..., Dialect] = postgresql.psycopg.dialect
_PSYCOPG: Final = _new_psycopg(paramstyle="format")
_DJANGO: Final[Mapping[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="format"),
    "postgresql": _PSYCOPG,
}
_compilations: dict[tuple[Dialect, int], tuple[str, Sequence[str]]] = {}


class _Driver:
    """A connection of a driver, with statements as it takes them."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        cursor: Callable[[], Any],
        commits_by_itself: Callable[[], bool],
    ) -> None:
        self.kind = dialect.name
        self.commits_by_itself = commits_by_itself
        self._dialect = dialect
        self._cursor = cursor

    def execute(
        self, statement: ClauseElement, given: _Given, *, fetch: bool = False
    ) -> tuple[int, Any]:
        sql, order = _compiled(statement, self._dialect, given)
        cursor = self._cursor()

        try:
            cursor.execute(sql, tuple(given[name] for name in order))
            row = cursor.fetchone() if fetch else None
            return cursor.rowcount, None if row is None else row[0]
        finally:
            cursor.close()


def _compiled(
    statement: ClauseElement, dialect: Dialect, columns: Iterable[str]
) -> tuple[str, Sequence[str]]:
    """Return a statement of this module as text, and its parameters in order."""
    key = dialect, id(statement)
    found = _compilations.get(key)

    if found is None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns))
        found = _compilations[key] = str(compiled), tuple(compiled.positiontup)

    return found


# --- who it is ---


def _recognise(given: object) -> _Door:
    for look in (_sqlalchemy, _sqlite3, _psycopg, _django):
        door = look(given)

        if door is not None:
            return door

    kind = type(given)

    if kind.__name__.startswith("Async"):
        raise WrongTypeError(
            f"enqueue() writes in a sync way, and {kind.__qualname__} is async: with "
            "SQLAlchemy, 'await connection.run_sync(enqueue, event)'"
        )

    raise WrongTypeError(f"{kind.__qualname__} is no connection that we know: {_HELP}")


def _sqlalchemy(given: Any) -> _Door | None:
    orm = sys.modules.get("sqlalchemy.orm")

    if orm is not None and isinstance(given, (orm.Session, orm.scoped_session)):
        given = given.connection()

    return _SqlAlchemy(given) if isinstance(given, Connection) else None


def _sqlite3(given: object) -> _Door | None:
    connection = given.connection if isinstance(given, sqlite3.Cursor) else given

    if not isinstance(connection, sqlite3.Connection):
        return None

    def cursor() -> sqlite3.Cursor:
        made = connection.cursor()
        made.row_factory = None
        return made

    return _Driver(
        _SQLITE, cursor=cursor, commits_by_itself=lambda: _is_idle(connection)
    )


def _is_idle(connection: sqlite3.Connection) -> bool:
    """Tell whether it would commit by itself; otherwise it begins by itself."""
    since_312 = getattr(connection, "autocommit", None) is True
    return not connection.in_transaction and (
        since_312 or connection.isolation_level is None
    )


def _psycopg(given: object) -> _Door | None:
    psycopg: Any = sys.modules.get("psycopg")

    if psycopg is None or not isinstance(given, (psycopg.Connection, psycopg.Cursor)):
        return None

    connection: Any = getattr(given, "connection", given)
    idle = psycopg.pq.TransactionStatus.IDLE
    return _Driver(
        _PSYCOPG,
        cursor=lambda: psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row),
        commits_by_itself=lambda: (
            connection.autocommit and connection.info.transaction_status == idle
        ),
    )


def _django(given: object) -> _Door | None:
    """Recognise ``django.db.connection``, one of ``connections``, or a cursor."""
    wrapper: Any = getattr(given, "db", given)

    if "django.db" not in sys.modules or not (
        hasattr(wrapper, "in_atomic_block") and hasattr(wrapper, "vendor")
    ):
        return None

    if wrapper.vendor not in _DJANGO:
        raise OutboxError(
            f"there is no outbox for {wrapper.vendor!r} databases: use SQLite or "
            "PostgreSQL"
        )

    return _Driver(
        _DJANGO[wrapper.vendor],
        cursor=wrapper.cursor,
        commits_by_itself=lambda: (
            not wrapper.in_atomic_block and wrapper.get_autocommit()
        ),
    )
