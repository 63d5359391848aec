"""Statements that are compiled once, and then cost what the driver costs."""

# SQLAlchemy looks at every statement and every value anew. Those that go through here
# need no looking at: their values are numbers, texts, bytes and None, which drivers
# take and give as they are. Measured on SQLite, that is half of the cost of storing,
# claiming and settling.

from __future__ import annotations

__all__ = ("Prepared",)

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update

from .rows import AnyRow

_Given: TypeAlias = Mapping[str, Any]
_Statement: TypeAlias = Select[*tuple[Any, ...]] | Insert | Update | Delete


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
        compiled = self._for(connection.dialect)
        return connection.exec_driver_sql(compiled.sql, compiled.arrange(given)).all()

    def first(self, connection: Connection, given: _Given) -> Any:
        """Execute it, and return the first value of the first row, or None."""
        compiled = self._for(connection.dialect)
        return connection.exec_driver_sql(
            compiled.sql, compiled.arrange(given)
        ).scalar()

    def for_each(self, connection: Connection, rows: Sequence[_Given]) -> int:
        """Execute it for each of the rows; return how many rows it changed in all."""
        if not rows:
            return 0

        compiled = self._for(connection.dialect)
        given = [compiled.arrange(row) for row in rows]
        return connection.exec_driver_sql(compiled.sql, given).rowcount

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)

        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)

        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        return _Compiled(
            sql=str(compiled),
            order=compiled.positiontup if compiled.positional else None,
            constants={k: v for k, v in compiled.params.items() if v is not None},
        )


@attrs.frozen(kw_only=True)
class _Compiled:
    """A statement as one kind of database takes it."""

    sql: str
    order: Sequence[str] | None
    """Of the parameters, where they have no names."""

    constants: _Given
    """Parameters that stand in the statement itself, such as a limit."""

    def arrange(self, given: _Given) -> Any:
        """Return the parameters as the driver takes them."""
        whole = {**self.constants, **given} if self.constants else given

        if self.order is None:
            return dict(whole)

        return tuple([whole[name] for name in self.order])
