"""Statements that are compiled once, and then cost what the driver costs."""

# Why: SQLAlchemy looks at every statement, every value and every row anew. Those that
#   go through here need no looking at: their values are numbers, texts, bytes and None,
#   which drivers take and give as they are; a BOOLEAN is 0 or 1 in SQLite.
# How: SQLAlchemy makes the text of a statement. In SQLite its driver is called at once:
#   a statement takes microseconds there, and to be passed through SQLAlchemy several
#   times as long, which was half of what a durable delivery cost. A database behind a
#   socket costs so much more that it would not be noticed; there SQLAlchemy stays in
#   between, and sees to connections that break.
# Rule 1: a row has its columns as attributes, whichever way it came.
# Rule 2: errors are SQLAlchemy's, whichever way they came.

from __future__ import annotations

__all__ = ("Prepared", "PreparedAmong")

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Update,
    bindparam,
)
from sqlalchemy.exc import DBAPIError

from .rows import AnyRow

_Given: TypeAlias = Mapping[str, Any]
_Statement: TypeAlias = Select[*tuple[Any, ...]] | Insert | Update | Delete

_LENGTHS: Final = (1, 10, 50, 100, 500)
"""For so many values a `PreparedAmong` is compiled; lists are filled up to the next."""


class Prepared:
    """A statement whose parameters are given by name.

    Args:
        statement: compiled once per kind of database. Every parameter in it is a
            `bindparam` with a name, or a column of an INSERT.
        columns: of an INSERT: those that are given.
    """

    def __init__(self, statement: _Statement, *, columns: Sequence[str] = ()) -> None:
        self._statement: Final = statement
        self._columns: Final = list(columns) or None
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, given: _Given) -> Sequence[AnyRow]:
        """Execute it, and return all of the rows."""
        return self._for(connection.dialect).rows(connection, given)

    def first(self, connection: Connection, given: _Given) -> Any:
        """Execute it, and return the first value of the first row, or None."""
        rows = self._for(connection.dialect).rows(connection, given)
        return rows[0][0] if rows else None

    def for_each(self, connection: Connection, rows: Sequence[_Given]) -> int:
        """Execute it for each of the rows; return how many rows it changed in all."""
        if not rows:
            return 0

        return self._for(connection.dialect).change(connection, rows)

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)

        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)

        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        kind = _Direct if dialect.name == "sqlite" else _Compiled
        return kind(
            sql=str(compiled),
            order=compiled.positiontup if compiled.positional else None,
            constants={
                name: value
                for name, value in compiled.params.items()
                if value is not None and not compiled.binds[name].required
            },
        )


class PreparedAmong:
    """A statement about some values, of which there are now more and now fewer.

    It is compiled for a few lengths of the list; the last value fills it up to the
    next of these. Longer lists are done in parts. To change many rows alike takes
    half the time of a statement for each.

    Args:
        choose: makes the statement of parameters for an IN.
    """

    def __init__(
        self, choose: Callable[[Sequence[BindParameter[Any]]], _Statement]
    ) -> None:
        self._names: Final = {n: [f"v{each}" for each in range(n)] for n in _LENGTHS}
        self._statements: Final = {
            length: Prepared(choose([bindparam(name) for name in names]))
            for length, names in self._names.items()
        }

    def all(self, connection: Connection, values: Iterable[Any]) -> list[AnyRow]:
        """Execute it, and return all of the rows; none for no values."""
        return [
            row
            for statement, given in self._parts(values)
            for row in statement.all(connection, given)
        ]

    def change(
        self, connection: Connection, values: Iterable[Any], given: _Given
    ) -> int:
        """Execute it, with more parameters; return how many rows it changed."""
        return sum(
            statement.for_each(connection, [{**given, **listed}])
            for statement, listed in self._parts(values)
        )

    def _parts(self, values: Iterable[Any]) -> Iterator[tuple[Prepared, _Given]]:
        asked = list(values)
        most = _LENGTHS[-1]

        for start in range(0, len(asked), most):
            part = asked[start : start + most]
            length = next(each for each in _LENGTHS if each >= len(part))
            full = chain(part, repeat(part[-1]))
            yield self._statements[length], dict(zip(self._names[length], full))  # noqa: B905 (the values go on for ever)


class _Compiled:
    """A statement as one kind of database takes it.

    Args:
        sql: the text.
        order: of the parameters, where they have no names.
        constants: parameters that stand in the statement itself, such as a limit.
    """

    def __init__(
        self, *, sql: str, order: Sequence[str] | None, constants: _Given
    ) -> None:
        self._sql: Final = sql
        self._constants: Final = constants
        self.arrange: Final = self._arranger(order)
        """Returns given parameters as the driver takes them."""

    def rows(self, connection: Connection, given: _Given) -> Sequence[AnyRow]:
        """Return the rows it selects."""
        return connection.exec_driver_sql(self._sql, self.arrange(given)).all()

    def change(self, connection: Connection, rows: Iterable[_Given]) -> int:
        """Return how many rows it changed, executed for each of these."""
        given: Any = list(map(self.arrange, rows))
        return connection.exec_driver_sql(self._sql, given).rowcount

    def _arranger(self, order: Sequence[str] | None) -> Callable[[_Given], Any]:
        arrange: Callable[[_Given], Any]

        if order is None:
            arrange = dict
        elif len(order) > 1:
            arrange = itemgetter(*order)
        else:
            arrange = _plucker(*order)

        if not self._constants:
            return arrange

        return lambda given: arrange({**self._constants, **given})


class _Direct(_Compiled):
    """A statement for SQLite's driver, without SQLAlchemy in between."""

    _row: Callable[[Any], Any] | None = None

    def rows(self, connection: Connection, given: _Given) -> Sequence[AnyRow]:
        try:
            cursor = _driver(connection).execute(self._sql, self.arrange(given))
            found = cursor.fetchall()
        except sqlite3.Error as error:
            raise self._known(connection, error) from error

        if self._row is None:
            names = [column[0] for column in cursor.description]
            kind: Any = namedtuple("_Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 (its names are known only now)
            base: Any = tuple
            self._row = partial(base.__new__, kind)

        return list(map(self._row, found))

    def change(self, connection: Connection, rows: Iterable[_Given]) -> int:
        given = list(map(self.arrange, rows))

        try:
            return _driver(connection).executemany(self._sql, given).rowcount
        except sqlite3.Error as error:
            raise self._known(connection, error) from error

    def _known(self, connection: Connection, error: sqlite3.Error) -> Exception:
        """Return the error as SQLAlchemy would have raised it; without the values."""
        return DBAPIError.instance(
            self._sql, None, error, sqlite3.Error, dialect=connection.dialect
        )


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _plucker(*order: str) -> Callable[[_Given], tuple[Any, ...]]:
    return lambda given: tuple([given[name] for name in order])
