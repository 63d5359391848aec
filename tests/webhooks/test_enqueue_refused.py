"""Checks of what `enqueue` refuses: connections, events, databases."""

from __future__ import annotations

__all__ = ()

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.orm import Session
from tests.webhooks.outbox.conformance.fan_out import fan_out
from tests.webhooks.outbox.conformance.verbs import claim, deliveries, enlist
from tests.webhooks.outbox.stores import opening
from tests.webhooks.ways import django_connection

import upcall
from upcall.errors import MalformedKeyError, OptionError, WrongTypeError
from upcall.webhooks._proto.errors import OutboxError, PayloadError
from upcall.webhooks.enqueue import enqueue
from upcall.webhooks.outbox.sql import SqlStore


@upcall.event("refused.paid")
class Paid:
    """An event."""

    order: int


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'app.db'}"


@pytest.fixture
def open_store() -> Iterator[Callable[[str], SqlStore]]:
    """Give what opens an outbox in a database."""
    with opening() as open_store:
        yield open_store


# --- connections that would commit by themselves ---


def assert_refused(connection: object) -> None:
    """See that nothing can be written through it."""
    with pytest.raises(OutboxError, match="in no transaction"):
        enqueue(connection, "order.paid", {})


def test_sqlite3_that_commits_by_itself_is_refused(
    sqlite_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """Outside of BEGIN and COMMIT."""
    store = open_store(sqlite_url)
    path = make_url(sqlite_url).database or ""

    with sqlite3.connect(path, isolation_level=None) as connection:
        assert_refused(connection)

    connection.close()
    assert fan_out(store) == 0


@pytest.mark.parametrize("fixture", ["sqlite_url", "postgres_url"])
def test_sqlalchemy_that_commits_by_itself_is_refused(
    fixture: str, request: pytest.FixtureRequest, open_store: Callable[[str], SqlStore]
) -> None:
    """However it was told to."""
    url = request.getfixturevalue(fixture)
    store = open_store(url)

    for engine in (
        create_engine(url, isolation_level="AUTOCOMMIT"),
        create_engine(url).execution_options(isolation_level="AUTOCOMMIT"),
    ):
        with engine.connect() as connection:
            assert_refused(connection)

        with Session(engine) as session:
            assert_refused(session)

        engine.dispose()

    assert fan_out(store) == 0


def test_sqlalchemy_that_says_begin_by_itself_is_taken(
    sqlite_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """A recipe for savepoints in SQLite."""
    store = open_store(sqlite_url)
    engine = create_engine(sqlite_url, connect_args={"isolation_level": None})
    event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))

    with engine.begin() as connection:
        enqueue(connection, "order.paid", {})

    with engine.connect() as connection:
        enqueue(connection, "order.lost", {})

    engine.dispose()
    fan_out(store)
    assert [each.event for each in deliveries(store)] == ["order.paid"]


def test_psycopg_that_commits_by_itself_is_refused(
    postgres_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """Outside of a transaction block."""
    store = open_store(postgres_url)
    plain = postgres_url.replace("+psycopg", "")

    with psycopg.connect(plain, autocommit=True) as connection:
        assert_refused(connection)

    assert fan_out(store) == 0


@pytest.mark.parametrize("fixture", ["sqlite_url", "postgres_url"])
def test_django_outside_of_atomic_is_refused(
    fixture: str, request: pytest.FixtureRequest, open_store: Callable[[str], SqlStore]
) -> None:
    """It commits by itself there."""
    url = request.getfixturevalue(fixture)
    store = open_store(url)

    with django_connection(url) as connection:
        assert_refused(connection)

        with connection.cursor() as cursor:
            assert_refused(cursor)

    assert fan_out(store) == 0


# --- what else can be wrong ---


@pytest.mark.parametrize("connection", [None, 3, "sqlite:///x.db", object()])
def test_what_is_no_connection_is_refused(connection: object) -> None:
    """It says what would be one."""
    with pytest.raises(WrongTypeError, match="give a Connection or Session"):
        enqueue(connection, "order.paid", {})


def test_what_is_no_event_is_refused_before_anything_is_written(
    sqlite_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """Names, payloads, ids and tenants are checked as everywhere."""
    store = open_store(sqlite_url)

    class Nameless:
        pass

    calls: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any]]] = [
        (MalformedKeyError, ("order.*", {}), {}),
        (MalformedKeyError, (Paid,), {}),
        (MalformedKeyError, (3,), {}),
        (MalformedKeyError, (Nameless(),), {}),
        (PayloadError, ("order.paid", object()), {}),
        (PayloadError, ("order.paid", "x" * 10), {"max_payload": 11}),
        (OptionError, ("order.paid",), {"id": "a b"}),
        (OptionError, ("order.paid",), {"tenant": ""}),
        (OptionError, ("order.paid",), {"tenant": "a\0"}),
    ]

    with sqlite3.connect(make_url(sqlite_url).database or "") as connection:
        for error, args, options in calls:
            with pytest.raises(error):
                enqueue(connection, *args, **options)

        assert not connection.in_transaction
        enqueue(connection, "order.paid")

    connection.close()
    fan_out(store)
    (found,) = claim(store, enlist(store), now=2e9).claims
    assert found.message.data == b"null"


def test_errors_of_the_driver_come_out_as_they_are(
    sqlite_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """Whoever tries a transaction again has to know them."""
    open_store(sqlite_url)
    path = make_url(sqlite_url).database or ""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    connection = sqlite3.connect(path, timeout=0)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        enqueue(connection, "order.paid", {})

    connection.close()
    holder.close()
