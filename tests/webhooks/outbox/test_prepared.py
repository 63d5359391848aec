"""Checks of statements that are compiled once."""

from __future__ import annotations

__all__ = ()

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from upcall.webhooks.outbox.prepared import Prepared, PreparedAmong

metadata = MetaData()
table = Table(
    "thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("number", Integer),
)

INSERT = Prepared(insert(table), columns=("name", "number"))
RENAME = Prepared(
    update(table).where(table.c.id == bindparam("which")).values(name=bindparam("new"))
)
FIRST = Prepared(
    select(table.c.name, table.c.number)
    .where(table.c.number >= bindparam("least"))
    .order_by(table.c.number)
    .limit(2)
)

AMONG = PreparedAmong(
    lambda numbers: select(table.c.number).where(table.c.number.in_(numbers))
)

GROW = PreparedAmong(
    lambda numbers: (
        update(table)
        .where(table.c.number.in_(numbers), table.c.name == bindparam("old"))
        .values(name=bindparam("new"))
    )
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Give a database with a table."""
    engine = create_engine("sqlite://")

    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection

    engine.dispose()


def test_rows_go_in_and_come_out(connection: Connection) -> None:
    """Parameters are found by their names, constants of the statement by themselves."""
    rows = [{"number": n, "name": f"n{n}"} for n in range(5)]

    INSERT.for_each(connection, rows)
    RENAME.for_each(connection, [{"new": "x", "which": 3}])

    found = FIRST.all(connection, {"least": 2})
    assert [(row.name, row.number) for row in found] == [("x", 2), ("n3", 3)]
    assert FIRST.first(connection, {"least": 4}) == "n4"
    assert FIRST.first(connection, {"least": 9}) is None


def test_no_rows_is_nothing_to_do(connection: Connection) -> None:
    """Drivers do not take an empty list."""
    INSERT.for_each(connection, [])

    assert FIRST.all(connection, {"least": 0}) == []


def test_parameters_are_arranged_as_the_database_takes_them() -> None:
    """In their order, or by name."""
    given = {"least": 7}

    sqlite = make_url("sqlite://").get_dialect()
    postgres = make_url("postgresql+psycopg://").get_dialect()
    by_order = FIRST._compile(sqlite())
    by_name = FIRST._compile(postgres())

    assert by_order.arrange(given)[0] == 7
    assert by_name.arrange(given)["least"] == 7
    assert 2 in by_name.arrange(given).values()


@pytest.mark.parametrize("number", [0, 1, 7, 10, 11, 500, 501, 1203])
def test_any_number_of_values_can_be_asked_about(
    connection: Connection, number: int
) -> None:
    """Each is found once, however the list is filled up or parted."""
    INSERT.for_each(connection, [{"number": n, "name": ""} for n in range(1500)])

    found = AMONG.all(connection, range(number))

    assert sorted(row.number for row in found) == list(range(number))


@pytest.mark.parametrize("number", [0, 1, 7, 10, 11, 501])
def test_any_number_of_rows_can_be_changed_alike(
    connection: Connection, number: int
) -> None:
    """Each counts once, however the list is filled up or parted; no other changes."""
    rows = [{"number": n, "name": "" if n else "other"} for n in range(600)]
    INSERT.for_each(connection, rows)

    changed = GROW.change(connection, range(number), {"old": "", "new": "x"})

    grown = select(table.c.number).where(table.c.name == "x").order_by(table.c.number)
    found = connection.execute(grown).scalars().all()
    assert list(found) == list(range(1, number))
    assert changed == len(found)


def test_errors_are_those_of_sqlalchemy(connection: Connection) -> None:
    """They go the same way to whoever says what is wrong with a store."""
    connection.exec_driver_sql("DROP TABLE thing")

    with pytest.raises(OperationalError, match="no such table") as reading:
        FIRST.all(connection, {"least": 0})

    with pytest.raises(OperationalError, match="no such table"):
        INSERT.for_each(connection, [{"number": 1, "name": "secret"}])

    assert reading.value.orig is reading.value.__cause__
