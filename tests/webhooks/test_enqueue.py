"""Checks of the transactional outbox, in every way that people write to databases."""

from __future__ import annotations

__all__ = ()

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from django.db import transaction
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.fan_out import fan_out
from tests.webhooks.outbox.conformance.verbs import add, claim, deliveries, enlist
from tests.webhooks.outbox.stores import opening
from tests.webhooks.ways import POSTGRESQL, SQLITE, Way, django_connection

import upcall
from upcall.errors import WrongTypeError
from upcall.webhooks._proto.errors import ConflictError, OutboxError
from upcall.webhooks.enqueue import enqueue
from upcall.webhooks.outbox.sql import SqlStore
from upcall.webhooks.versions import downgrade


@upcall.event("enqueued.paid", version=1)
class Paid1:
    """What was sent at first."""

    order: int


@upcall.event("enqueued.paid", version=2)
class Paid2:
    """What is sent now."""

    order: int
    amount: Decimal


@downgrade(Paid2, to=1)
def without_amount(new: Paid2) -> Paid1:
    """Leave out what is new."""
    return Paid1(new.order)


# --- databases ---


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'app.db'}"


@pytest.fixture(
    params=[
        *(
            pytest.param(("sqlite_url", way), id=f"sqlite-{way.__name__}")
            for way in SQLITE
        ),
        *(
            pytest.param(("postgres_url", way), id=f"postgresql-{way.__name__}")
            for way in POSTGRESQL
        ),
    ]
)
def way(request: pytest.FixtureRequest) -> tuple[str, Way]:
    """Give a database and a way of writing to it."""
    fixture, way = request.param
    return str(request.getfixturevalue(fixture)), way


@pytest.fixture
def open_store() -> Iterator[Callable[[str], SqlStore]]:
    """Give what opens an outbox in a database."""
    with opening() as open_store:
        yield open_store


def mine(store: SqlStore) -> list[int]:
    """Return what is in the user's table."""
    with store.transaction():
        rows = store.connection.exec_driver_sql("SELECT number FROM mine").all()

    return [number for (number,) in rows]


# --- in every way ---


def test_enqueued_event_is_delivered_once_committed(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """With what the user wrote; before that nobody sees it."""
    url, begin = way
    store = open_store(url)

    with begin(url) as my:
        my.run("INSERT INTO mine VALUES (7)")
        given = enqueue(my.connection, "order.paid", {"a": "%s ? :x"}, tenant="ann")
        my.commit()

    assert fan_out(store) == 1
    (found,) = claim(store, enlist(store), now=2e9).claims
    assert found.message.id == given
    assert found.message.name == "order.paid"
    assert found.message.data == b'{"a":"%s ? :x"}'
    assert found.message.tenant == "ann"
    assert mine(store) == [7]


def test_event_of_a_transaction_that_is_rolled_back_never_was(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """Nor was what the user wrote."""
    url, begin = way
    store = open_store(url)

    with begin(url) as my:
        my.run("INSERT INTO mine VALUES (7)")
        enqueue(my.connection, Paid2(1, Decimal(2)))
        my.rollback()

    assert fan_out(store) == 0
    assert mine(store) == []


def test_event_is_written_in_all_versions(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """The worker has none of the user's classes."""
    url, begin = way
    store = open_store(url)
    add(store, make_endpoint("old", version=1))

    with begin(url) as my:
        enqueue(my.connection, Paid2(1, Decimal("2.5")))
        my.commit()

    fan_out(store)
    claims = claim(store, enlist(store), now=2e9).claims
    assert {each.endpoint.id: each.message.data for each in claims} == {
        "one": b'{"amount":"2.5","order":1}',
        "old": b'{"order":1}',
    }


def test_same_event_is_stored_once_and_another_conflicts(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """In one transaction, which goes on after that."""
    url, begin = way
    store = open_store(url)
    event = Paid2(1, Decimal(2))

    with begin(url) as my:
        assert enqueue(my.connection, event, id="m1") == "m1"
        assert enqueue(my.connection, event, id="m1") == "m1"

        for other, tenant in ((Paid2(2, Decimal(2)), None), (event, "ann")):
            with pytest.raises(ConflictError, match="'m1' is stored already"):
                enqueue(my.connection, other, id="m1", tenant=tenant)

        with pytest.raises(ConflictError):
            enqueue(my.connection, "other", {"order": 1, "amount": "2"}, id="m1")

        my.run("INSERT INTO mine VALUES (7)")
        my.commit()

    fan_out(store)
    assert [each.event for each in deliveries(store)] == ["enqueued.paid"]
    assert mine(store) == [7]


def test_same_event_is_stored_once_over_transactions(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """Before it was fanned out, and after."""
    url, begin = way
    store = open_store(url)

    for _ in range(2):
        for _ in range(2):
            with begin(url) as my:
                enqueue(my.connection, Paid2(1, Decimal(2)), id="m1")
                my.commit()

        fan_out(store)

    assert len(deliveries(store)) == 1


def test_database_without_an_outbox_is_told(way: tuple[str, Way]) -> None:
    """With what to do."""
    url, begin = way

    with begin(url) as my:
        with pytest.raises(OutboxError, match="upcall outbox migrate"):
            enqueue(my.connection, "order.paid", {})

        my.rollback()


def test_old_outbox_is_told(
    way: tuple[str, Way], open_store: Callable[[str], SqlStore]
) -> None:
    """One that has no such column yet."""
    url, begin = way
    store = open_store(url)

    with store.transaction():
        run = store.connection.exec_driver_sql
        run("DROP INDEX upcall_message_unfanned")
        run("ALTER TABLE upcall_message DROP COLUMN fanned_out")

    with begin(url) as my:
        with pytest.raises(OutboxError, match="upcall outbox migrate"):
            enqueue(my.connection, "order.paid", {})

        my.rollback()


# --- savepoints ---


def give_up(block: psycopg.Transaction) -> None:
    """Roll the block back, and go on after it."""
    raise psycopg.Rollback(block)


def test_savepoint_that_is_rolled_back_takes_the_event_along(
    postgres_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """And nothing else: SQLAlchemy's, psycopg's and Django's."""
    store = open_store(postgres_url)
    engine = create_engine(postgres_url)

    with Session(engine) as session, session.begin():
        enqueue(session, "kept.one", {})

        with session.begin_nested() as savepoint:
            enqueue(session, "lost.one", {})
            savepoint.rollback()

    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        enqueue(connection, "kept.two", {})

        with connection.transaction() as block:
            enqueue(connection, "lost.two", {})
            give_up(block)

    with (
        django_connection(postgres_url) as connection,
        transaction.atomic(using=connection.alias),
    ):
        enqueue(connection, "kept.three", {})
        inner = transaction.atomic(using=connection.alias)

        with pytest.raises(ZeroDivisionError), inner:
            enqueue(connection, "lost.three", {})
            raise ZeroDivisionError

    engine.dispose()
    fan_out(store)
    names = {each.event for each in deliveries(store)}
    assert names == {"kept.one", "kept.two", "kept.three"}


# --- async ---


def test_async_session_runs_it_in_sync(
    postgres_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """SQLAlchemy's door for sync code; a session and a connection."""
    store = open_store(postgres_url)

    async def main() -> None:
        engine = create_async_engine(postgres_url)

        async with AsyncSession(engine) as session, session.begin():
            await session.run_sync(enqueue, Paid2(1, Decimal(2)), id="m1")

        async with engine.begin() as connection:
            await connection.run_sync(enqueue, "order.paid", {}, id="m2")

        async with engine.connect() as connection:
            await connection.run_sync(enqueue, "order.lost", {}, id="m3")

        async with AsyncSession(engine) as session:
            with pytest.raises(WrongTypeError, match="run_sync"):
                enqueue(session, "order.paid", {})

        await engine.dispose()

    asyncio.run(main())
    fan_out(store)
    assert {each.message for each in deliveries(store)} == {"m1", "m2"}


# --- at once ---


def test_two_transactions_with_one_id_store_it_once(
    postgres_url: str, open_store: Callable[[str], SqlStore]
) -> None:
    """The second waits for the first, whatever becomes of that."""
    store = open_store(postgres_url)
    plain = postgres_url.replace("+psycopg", "")
    start = threading.Barrier(4)

    def work(commit: bool) -> None:
        with psycopg.connect(plain) as connection:
            for number in range(20):
                start.wait(30)
                enqueue(connection, "order.paid", {"n": number}, id=f"m{number}")

                if commit:
                    connection.commit()
                else:
                    connection.rollback()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, bool(n % 2)) for n in range(4)]:
            future.result(60)

    while fan_out(store):
        pass

    assert len(deliveries(store)) == 20
