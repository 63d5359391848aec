"""Checks of schema versions: older files become those of today, with all in them."""

from __future__ import annotations

__all__ = ()

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    deliveries,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.contract import Kept
from upcall.webhooks.outbox.migrations import MIGRATIONS, check_schema, migrate
from upcall.webhooks.outbox.schema import SCHEMA_VERSION
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a file."""
    return tmp_path / "outbox.db"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give a store of today."""
    store = open_store(tmp_path / "fresh.db")
    yield store
    store.close()


def open_store(path: Path) -> SqliteStore:
    """Open a store."""
    store = SqliteStore(path, Seal())
    store.open()
    return store


def run(path: Path, script: str) -> None:
    """Do something to a file behind the back of all."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def make_old(path: Path, version: int = 1) -> None:
    """Make a file as an older Upcall left it."""
    run(path, (SCHEMAS / f"{version}.sql").read_text())


def numbers(path: Path) -> dict[str, int]:
    """Return what is noted about the schema."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, value FROM upcall_meta"))


def shape(path: Path) -> dict[str, object]:
    """Return the tables, with columns and keys, and the indexes, as SQLite has them."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE name LIKE '%upcall%'"
        ).fetchall()
        tables = {
            name: (
                sorted(
                    column[1:]
                    for column in connection.execute(f"PRAGMA table_xinfo({name})")
                ),
                connection.execute(f"PRAGMA foreign_key_list({name})").fetchall(),
            )
            for kind, name, _ in found
            if kind == "table"
        }
        indexes = {
            name: "".join(sql.split()) if sql else None
            for kind, name, sql in found
            if kind == "index"
        }
        return {**tables, **indexes}


def test_every_older_schema_has_a_step_and_a_file() -> None:
    """Whoever makes a new version writes both."""
    files = {int(file.stem) for file in SCHEMAS.glob("*.sql")}

    assert set(MIGRATIONS) == set(range(2, SCHEMA_VERSION + 1))
    assert files == set(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_migrated_tables_are_those_of_today(
    path: Path, fresh: SqliteStore, tmp_path: Path, version: int
) -> None:
    """Columns, defaults, keys and indexes; in whatever order they were added."""
    make_old(path, version)

    open_store(path).close()

    today = shape(tmp_path / "fresh.db")
    migrated = shape(path)
    assert migrated.keys() == today.keys()

    for name in today:
        assert migrated[name] == today[name], name

    assert numbers(path)["schema_version"] == SCHEMA_VERSION
    assert numbers(path)["needs"] == numbers(tmp_path / "fresh.db")["needs"]
    del fresh


def test_first_schema_is_read_as_it_was(path: Path) -> None:
    """Nothing is lost, and what is new has its default."""
    make_old(path)
    store = open_store(path)

    live, off = do(store, store.endpoints, now=NOON)

    assert (live.id, live.headers, live.metadata) == (
        "live",
        {"x-a": "b"},
        {"team": "blue"},
    )
    assert live.secret == "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    assert (live.format, live.tenant, live.ordered, live.paused) == (
        "standard",
        None,
        False,
        False,
    )
    assert off.secret == ("second secret", "first secret")
    assert not off.enabled
    assert off.health.disabled_at is not None
    states = {each.id: each.state.value for each in deliveries(store)}
    assert states == {
        1: "delivered",
        2: "waiting",
        3: "claimed",
        4: "dead",
        5: "waiting",
        6: "cancelled",
    }
    assert {each.id: each.version for each in deliveries(store)}[3] == 2
    assert len(do(store, store.attempts, 1)) == 1
    assert do(store, store.check, now=NOON) == []
    store.close()


def test_first_schema_goes_on_working(path: Path) -> None:
    """What waited is delivered, what was claimed is rescued, and new things come."""
    make_old(path)
    store = open_store(path)
    later = NOON + 1000
    assert do(store, store.rescue, now=later).number == 1
    do(store, store.enable, "off", enabled=True, now=later)
    add(store, make_endpoint("new", tenant="ann"))
    assert keep(store, make_keep("m4", tenant="ann", now=later)) == [
        Kept(deliveries=3, new=True)
    ]
    worker = do(store, store.enlist, now=later)

    for _ in range(4):
        found = claim(store, worker, now=later).claims
        settle(store, *(make_outcome(each, Move.DELIVER, now=later) for each in found))

    states = {each.id: each.state for each in deliveries(store)}
    assert {states[2], states[3], states[5]} == {State.DELIVERED}
    do(store, store.rotate, "live", make_endpoint().secret, now=later, overlap=60)
    assert do(store, store.replay_since, "off", 0.0, now=later) == 1
    assert do(store, store.check, now=later) == []
    store.close()


def test_migration_counts_a_change(path: Path) -> None:
    """So that workers that run look whether they still may."""
    make_old(path)

    open_store(path).close()

    assert numbers(path)["endpoint_changes"] == 6


def test_migration_happens_once(path: Path) -> None:
    """Whoever comes later finds nothing left to do."""
    make_old(path)
    engine = create_engine(f"sqlite:///{path}")

    with engine.begin() as connection:
        assert migrate(connection) == (1, SCHEMA_VERSION)

    with engine.begin() as connection:
        assert migrate(connection) == (SCHEMA_VERSION, SCHEMA_VERSION)

    engine.dispose()


def test_migration_that_fails_leaves_everything_as_it_was(path: Path) -> None:
    """One transaction: the file can be opened by the Upcall that made it."""
    make_old(path)
    run(path, "CREATE TABLE upcall_rendering (mine INTEGER)")
    before = shape(path)

    with pytest.raises(Exception, match="already exists"):
        open_store(path)

    assert shape(path) == before
    assert numbers(path)["schema_version"] == 1


def test_newer_schema_that_asks_for_no_more_is_used(path: Path) -> None:
    """It only added something that we need not know."""
    open_store(path).close()
    run(
        path,
        "UPDATE upcall_meta SET value = 99 WHERE name = 'schema_version';"
        "ALTER TABLE upcall_message ADD COLUMN mood TEXT",
    )
    store = open_store(path)
    add(store, make_endpoint())

    assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]
    assert numbers(path)["schema_version"] == 99
    store.close()


def test_newer_schema_that_asks_for_more_is_refused(path: Path) -> None:
    """With what to do."""
    open_store(path).close()
    run(path, "UPDATE upcall_meta SET value = 99")

    with pytest.raises(
        OutboxError, match=r"newer Upcall \(schema 99, .*: upgrade upcall"
    ):
        open_store(path)


NEWER = """
    UPDATE upcall_meta SET value = 3 WHERE name = 'schema_version';
    UPDATE upcall_meta SET value = {needs} WHERE name = 'needs';
    UPDATE upcall_meta SET value = value + 1 WHERE name = 'endpoint_changes';
"""


def test_running_worker_ends_when_a_migration_asks_for_more(path: Path) -> None:
    """In the transaction in which it would have done something, and each time again."""
    store = open_store(path)
    add(store, make_endpoint())
    worker = enlist(store)
    keep(store, make_keep())
    found = claim(store, worker).claims
    run(path, NEWER.format(needs=3))

    for _ in range(2):
        with pytest.raises(OutboxError, match="upgrade upcall"):
            keep(store, make_keep("m2"))

        with pytest.raises(OutboxError, match="upgrade upcall"):
            settle(store, make_outcome(found[0], Move.DELIVER))

    store.close()


def test_running_worker_goes_on_when_a_migration_only_adds(path: Path) -> None:
    """Old and new work side by side."""
    store = open_store(path)
    add(store, make_endpoint())
    keep(store, make_keep())
    run(path, NEWER.format(needs=2))

    found = claim(store, enlist(store)).claims
    (settled,) = settle(store, make_outcome(found[0], Move.DELIVER))

    assert settled.state is State.DELIVERED
    store.close()


def test_check_of_the_schema_says_what_to_do(path: Path) -> None:
    """For those who migrate by hand."""
    engine = create_engine(f"sqlite:///{path}")

    with engine.begin() as connection:
        with pytest.raises(OutboxError, match="no tables yet: run `upcall outbox mig"):
            check_schema(connection)

        assert migrate(connection) == (0, SCHEMA_VERSION)
        check_schema(connection)

    path.unlink()
    make_old(path)
    engine.dispose()

    with (
        engine.begin() as connection,
        pytest.raises(OutboxError, match=r"has schema 1, .* `upcall outbox migrate`"),
    ):
        check_schema(connection)

    engine.dispose()
