"""Checks of fanning out: the contract on both databases, and several workers at it."""

from __future__ import annotations

__all__ = ()

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.fan_out import FanOutContract, fan_out
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    deliveries,
    keep,
    make_keep,
)
from tests.webhooks.outbox.stores import make_store

from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks.outbox.contract import Keep, Kept
from upcall.webhooks.outbox.endpoints import Register
from upcall.webhooks.outbox.foreign import write_message
from upcall.webhooks.outbox.schema import message
from upcall.webhooks.outbox.sql import SqlStore


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.db'}"

    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    """Give a store."""
    store = make_store(url)
    yield store
    store.close()


@pytest.fixture
def engine(url: str, store: SqlStore) -> Iterator[Engine]:
    """Give connections of somebody else's."""
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def write(engine: Engine) -> Callable[[Keep], None]:
    """Give a function that writes a message in a transaction of its own."""

    def write(keep: Keep) -> None:
        with engine.begin() as connection:
            write_message(connection, keep)

    return write


class TestFanOut(FanOutContract):
    """The contract."""


@pytest.fixture
def on_postgres(url: str) -> None:
    """Run a test on PostgreSQL only."""
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")


@pytest.mark.usefixtures("on_postgres")
def test_fan_out_passes_over_what_another_worker_has_in_hand(
    store: SqlStore, url: str, write: Callable[[Keep], None]
) -> None:
    """Nobody waits, and nothing is made twice."""
    add(store, make_endpoint())
    other = make_store(url)
    write(make_keep("m1"))
    write(make_keep("m2"))

    with store.transaction():
        assert store.fan_out(now=NOON, limit=1) == 1
        assert fan_out(other) == 1
        assert {each.message for each in deliveries(other)} == {"m2"}

    other.close()
    assert sorted(each.message for each in deliveries(store)) == ["m1", "m2"]


@pytest.mark.usefixtures("on_postgres")
def test_fan_out_locks_messages_before_it_reads_the_endpoints(
    store: SqlStore,
    engine: Engine,
    write: Callable[[Keep], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that was there before a message was committed must not be missed."""
    add(store, make_endpoint())
    write(make_keep())
    read, free = store._register, list[int]()

    def register() -> Register:
        with engine.begin() as connection:
            look = select(message.c.id).with_for_update(skip_locked=True)
            free.extend(connection.execute(look).scalars())

        return read()

    monkeypatch.setattr(store, "_register", register)

    assert fan_out(store) == 1
    assert free == []


def test_fan_out_by_several_workers_makes_each_delivery_once(
    store: SqlStore, url: str, write: Callable[[Keep], None]
) -> None:
    """Whoever is first."""
    add(store, make_endpoint("a"), make_endpoint("b"))

    for number in range(40):
        write(make_keep(f"m{number}"))

    start = threading.Barrier(3)

    def work() -> int:
        mine = make_store(url)
        start.wait(30)
        looked_at = sum(fan_out(mine, limit=3) for _ in range(30))
        mine.close()
        return looked_at

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(work) for _ in range(3)]
        looked_at = sum(future.result(60) for future in futures)

    assert looked_at == 40
    found = [(each.message, each.endpoint) for each in deliveries(store)]
    assert len(found) == len(set(found)) == 80


@pytest.mark.usefixtures("on_postgres")
def test_keep_waits_for_another_transaction_and_compares(
    store: SqlStore, engine: Engine
) -> None:
    """One that stores the same id at the same moment, and is committed."""
    add(store, make_endpoint())
    results: list[Kept | ConflictError] = []

    with engine.connect() as connection, connection.begin() as other:
        write_message(connection, make_keep("m1"))
        write_message(connection, make_keep("m2"))
        thread = threading.Thread(
            target=lambda: results.extend(
                keep(
                    store,
                    make_keep("m0"),
                    make_keep("m1"),
                    make_keep("m2", data=b"other"),
                    make_keep("m2", data=b"other"),
                    make_keep("m3"),
                )
            )
        )
        thread.start()
        wait_for_lock(engine)
        other.commit()
        thread.join(30)

    kinds = [
        type(each).__name__ if not isinstance(each, Kept) else each.new
        for each in results
    ]
    assert kinds == [True, False, "ConflictError", "ConflictError", True]
    assert {each.message for each in deliveries(store)} == {"m0", "m3"}
    fan_out(store)
    assert len(deliveries(store)) == 4


def wait_for_lock(engine: Engine) -> None:
    """Return when somebody waits for a lock."""
    for _ in range(2000):
        with engine.connect() as connection:
            if connection.exec_driver_sql(
                "SELECT 1 FROM pg_locks WHERE NOT granted"
            ).first():
                return

        threading.Event().wait(0.005)

    raise AssertionError("nobody waits")
