"""Checks of the store in PostgreSQL: the contract, the connection, and bad days."""

from __future__ import annotations

__all__ = ()

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import make_url
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.contract import StoreContract
from tests.webhooks.outbox.conformance.others import OthersContract
from tests.webhooks.outbox.conformance.verbs import (
    add,
    deliveries,
    do,
    keep,
    make_keep,
)
from tests.webhooks.postgres import Postgres

from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.contract import StorageError
from upcall.webhooks.outbox.outbox import Outbox
from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.seal import Seal


def make_store(url: str) -> PostgresStore:
    """Make a store and open it."""
    store = PostgresStore(make_url(url), Seal())
    store.open()
    return store


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    """Give a store."""
    store = make_store(postgres_url)
    yield store
    store.close()


@pytest.fixture
def other(postgres_url: str) -> Iterator[PostgresStore]:
    """Give another one of the same database."""
    store = make_store(postgres_url)
    yield store
    store.close()


@pytest.fixture
def opener(postgres_url: str) -> Callable[[], PostgresStore]:
    """Give what opens one more."""
    return lambda: make_store(postgres_url)


@pytest.fixture
def lone(postgres: Postgres) -> Iterator[Postgres]:
    """Give the server, to be stopped; whoever comes later finds it running."""
    yield postgres

    if not postgres.runs:
        postgres.start()


class TestPostgres(StoreContract, OthersContract):
    """The contract."""


def run(store: PostgresStore, sql: str) -> object:
    """Execute a statement, and return the first value."""
    with store.connection.begin():
        found = store.connection.exec_driver_sql(sql)
        return found.scalar() if found.returns_rows else None


def test_commits_are_on_disk_whatever_the_server_prefers(
    postgres: Postgres, postgres_url: str
) -> None:
    """A database may be set to lose what it confirmed; ours does not."""
    name = make_url(postgres_url).database

    with postgres.connect("postgres") as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

    store = make_store(postgres_url)

    try:
        assert run(store, "SHOW synchronous_commit") == "on"
    finally:
        store.close()


def test_time_is_the_servers(store: PostgresStore) -> None:
    """So that all workers go by one clock."""
    before = time.time()
    found = do(store, store.time)

    assert found is not None
    assert before - 1 <= found <= time.time() + 1


def test_server_that_is_away_is_told_and_found_again(
    store: PostgresStore, lone: Postgres
) -> None:
    """What was committed is there; the store goes on by itself."""
    add(store, make_endpoint())
    keep(store, make_keep("m1"))
    lone.kill()

    for _ in range(2):
        with pytest.raises(StorageError, match="see that the server runs"):
            keep(store, make_keep("m2"))

    lone.start()
    keep(store, make_keep("m3"))

    assert {each.message for each in deliveries(store)} == {"m1", "m3"}


def test_peek_notices_that_the_connection_is_gone(
    store: PostgresStore, lone: Postgres
) -> None:
    """It is an occasion to look, and the next transaction connects again."""
    lone.kill()
    assert any(store.peek() for _ in range(2))  # its last words may come first
    assert not store.peek()
    lone.start()

    assert do(store, store.changes) == 0
    assert not store.peek()


def test_database_that_is_not_there_is_told() -> None:
    """Or its server is not."""
    store = PostgresStore(
        make_url("postgresql+psycopg://u:hidden@/x?host=/nonexistent"), Seal()
    )

    with pytest.raises(StorageError, match="see that the server runs") as caught:
        store.open()

    assert "hidden" not in str(caught.value)
    store.close()


def test_database_of_another_name_is_told(postgres: Postgres) -> None:
    """With what to do."""
    store = PostgresStore(make_url(postgres.url("missing")), Seal())

    with pytest.raises(OutboxError, match="missing"):
        store.open()


def test_lost_table_is_told_and_made_again(store: PostgresStore) -> None:
    """By opening the store once more."""
    add(store, make_endpoint())
    run(store, "DROP TABLE upcall_attempt, upcall_delivery CASCADE")

    with pytest.raises(StorageError, match="open it again"):
        keep(store, make_keep())

    store.close()
    store.open()
    assert keep(store, make_keep())[0] is not None


async def test_outbox_with_a_url_of_postgresql_is_opened(postgres_url: str) -> None:
    """Whether the URL names the driver or not."""
    for url in (postgres_url, postgres_url.replace("+psycopg", "")):
        outbox = Outbox(url)
        await outbox.open()

        try:
            assert await outbox.writer.perform(outbox.store.changes) == 0
        finally:
            await outbox.close()
