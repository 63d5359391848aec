"""Statements that are done for many rows at once, at the cost of the driver alone."""

# SQLAlchemy looks at every value of every row. Those that go through here need no
# looking at: they are numbers, texts, bytes and None, which every driver takes as they
# are. Measured on SQLite, that is half of what storing and settling cost.

from __future__ import annotations

__all__ = ("Bulk",)

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Delete, Dialect, Insert, Update

Row: TypeAlias = Mapping[str, Any]


class Bulk:
    """An INSERT or UPDATE whose parameters come from rows.

    Args:
        statement: compiled once per kind of database. Every parameter in it is named
            by a `bindparam`, or by the column for an INSERT.
        columns: of an INSERT: those that a row has.
    """

    def __init__(
        self, statement: Insert | Update | Delete, *, columns: Sequence[str] = ()
    ) -> None:
        self._statement: Final = statement
        self._columns: Final = list(columns) or None
        self._compiled: dict[str, tuple[str, Sequence[str] | None]] = {}

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Do it for each of the rows; with no rows, do nothing."""
        if not rows:
            return

        sql, order = self._for(connection.dialect)

        if order is None:
            connection.exec_driver_sql(sql, [dict(row) for row in rows])
        else:
            given = [tuple([row[name] for name in order]) for row in rows]
            connection.exec_driver_sql(sql, given)

    def _for(self, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
        """Return the SQL, and the order of parameters where they have no names."""
        found = self._compiled.get(dialect.name)

        if found is None:
            compiled = self._statement.compile(
                dialect=dialect, column_keys=self._columns
            )
            order = compiled.positiontup if compiled.positional else None
            found = self._compiled[dialect.name] = str(compiled), order

        return found
