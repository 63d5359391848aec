"""Checks of the store in SQLite: the contract, the files, and what may go wrong."""

from __future__ import annotations

__all__ = ()

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.webhooks.fakes import SECRET, make_endpoint
from tests.webhooks.outbox.conformance.contract import StoreContract
from tests.webhooks.outbox.conformance.others import OthersContract
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    claim_one,
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
from upcall.webhooks.outbox import sqlite as module
from upcall.webhooks.outbox.contract import StorageError
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import Processes, SqliteStore

SOUND = sqlite3.sqlite_version_info >= (3, 51, 3)


def make_store(path: Path | None, processes: Processes = "many") -> SqliteStore:
    """Make a store and open it."""
    store = SqliteStore(path, Seal(), processes=processes)
    store.open()
    return store


class TestInMemory(StoreContract):
    """The contract, in memory."""

    @pytest.fixture
    def store(self) -> Iterator[SqliteStore]:
        """Give a store."""
        store = make_store(None)
        yield store
        store.close()


class TestInFile(StoreContract, OthersContract):
    """The contract, in a file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        """Give a store."""
        store = make_store(tmp_path / "outbox.db")
        yield store
        store.close()

    @pytest.fixture
    def other(self, tmp_path: Path) -> Iterator[SqliteStore]:
        """Give another one of the same file."""
        store = make_store(tmp_path / "outbox.db")
        yield store
        store.close()

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Callable[[], SqliteStore]:
        """Give what opens one more."""
        return lambda: make_store(tmp_path / "outbox.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for a file."""
    return tmp_path / "outbox.db"


def pragma(path: Path, name: str) -> object:
    """Ask the file."""
    with sqlite3.connect(path) as connection:
        (value,) = connection.execute(f"PRAGMA {name}").fetchone()

    connection.close()
    return value


# --- how it is set up ---


@pytest.mark.parametrize(
    ("processes", "mode"),
    [("many", "wal" if SOUND else "truncate"), ("one", "wal")],
)
def test_journal_follows_the_rule(path: Path, processes: Processes, mode: str) -> None:
    """WAL only where it is sound."""
    store = make_store(path, processes)
    driver = store.connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)

    assert driver.execute("PRAGMA journal_mode").fetchone() == (mode,)
    assert driver.execute("PRAGMA synchronous").fetchone() == (2,)
    assert driver.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert driver.execute("PRAGMA mmap_size").fetchone() in {(0,), None}
    store.close()


@pytest.mark.parametrize(
    ("version", "mode"), [((3, 51, 2), "TRUNCATE"), ((3, 51, 3), "WAL")]
)
def test_journal_of_many_depends_on_the_version(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], mode: str
) -> None:
    """The corruption bug of the WAL was repaired in 3.51.3."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)

    assert module.journal_mode("many") == mode
    assert module.journal_mode("one") == "WAL"


def test_files_are_for_their_owner_alone(path: Path) -> None:
    """There are secrets in them, whatever the umask."""
    before = os.umask(0)

    try:
        store = make_store(path)
        enlist(store)
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode)
            for each in path.parent.iterdir()
        }
        store.close()
    finally:
        os.umask(before)

    assert "outbox.db" in modes
    assert set(modes.values()) == {0o600}


def test_file_of_the_user_keeps_its_permissions(path: Path) -> None:
    """An application's own database is not ours to close to others."""
    path.touch()
    path.chmod(0o640)

    make_store(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_open_twice_finds_what_was_stored(path: Path) -> None:
    """That is what it is for."""
    store = make_store(path)
    add(store, make_endpoint(schedule=(0, 1)))
    keep(store, make_keep())
    store.close()

    again = make_store(path)

    assert do(again, again.endpoints, now=NOON) == [make_endpoint(schedule=(0, 1))]
    assert len(deliveries(again)) == 1
    again.close()


def test_journal_is_changed_when_nobody_else_has_it_open(path: Path) -> None:
    """A file that one process wrote in WAL is taken over by many, and back."""
    steps: tuple[tuple[Processes, str | None], ...] = (
        ("one", "wal"),
        ("many", None),
        ("one", "wal"),
    )

    for processes, mode in steps:
        store = make_store(path, processes)
        keep(store, make_keep())
        assert mode is None or pragma(path, "journal_mode") == mode
        store.close()


# --- one, or many ---


def test_one_refuses_a_second(path: Path) -> None:
    """And says what to do."""
    store = make_store(path, "one")

    both: tuple[Processes, ...] = ("one", "many")

    for processes in both:
        with pytest.raises(OutboxError, match=r"is in use by .*: end that one"):
            make_store(path, processes)

    store.close()
    make_store(path, "many").close()


def test_many_refuse_one(path: Path) -> None:
    """One alone would use a journal that the others must not."""
    store = make_store(path)

    with pytest.raises(
        OutboxError, match="is in use by another process, or another Outbox"
    ):
        make_store(path, "one")

    store.close()


def test_endpoints_of_another_process_are_heeded_at_once(path: Path) -> None:
    """Nobody goes by an old list."""
    one, two = make_store(path), make_store(path)
    add(one, make_endpoint("a"))
    keep(one, make_keep("m1"))

    add(two, make_endpoint("b"))
    keep(one, make_keep("m2"))

    assert sorted(each.endpoint for each in deliveries(one)) == ["a", "a", "b"]
    one.close()
    two.close()


def test_claims_of_a_worker_that_ended_are_taken_back_at_once(path: Path) -> None:
    """Without waiting for the lease; those of one that lives stay."""
    dead, alive = make_store(path), make_store(path)
    add(dead, make_endpoint("a"), make_endpoint("b"))
    keep(dead, make_keep())
    claim_one(dead, enlist(dead))
    claim_one(alive, enlist(alive))
    dead.close()  # as when its process is killed: nothing is dismissed

    new = make_store(path)
    lapsed = do(new, new.rescue, now=NOON)

    assert lapsed.number == 1
    assert len(deliveries(new, state=State.CLAIMED)) == 1
    assert len(claim(new, enlist(new)).claims) == 1
    assert do(new, new.rescue, now=NOON).number == 0
    new.close()
    alive.close()


def test_locks_of_workers_leave_no_files_behind(path: Path) -> None:
    """Neither when they are dismissed nor when they are found dead."""
    one, two = make_store(path), make_store(path)
    worker = enlist(one)
    enlist(two)
    do(one, one.dismiss, worker, now=NOON)
    two.close()
    do(one, one.rescue, now=NOON)

    assert not list(path.parent.glob("*-worker-*"))
    one.close()


# --- bad days ---


def test_missing_directory_is_told(tmp_path: Path) -> None:
    """SQLite would only say that it is unable."""
    with pytest.raises(OutboxError, match="the directory of the outbox must exist"):
        make_store(tmp_path / "nowhere" / "outbox.db")


def test_directory_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "outbox.db").mkdir()

    with pytest.raises(OutboxError, match="outbox"):
        make_store(tmp_path / "outbox.db")


def test_file_that_is_no_database_is_told(path: Path) -> None:
    """And left alone."""
    path.write_text("Dear diary, " * 100)

    with pytest.raises(OutboxError, match="is no SQLite database: give another file"):
        make_store(path)

    assert path.read_text().startswith("Dear diary")


def test_newer_schema_is_told(path: Path) -> None:
    """An old program must not write into what it does not understand."""
    make_store(path).close()

    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE upcall_meta SET value = 99")

    connection.close()

    with pytest.raises(OutboxError, match=r"newer Upcall \(schema 99.*upgrade"):
        make_store(path)


def test_locked_database_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store failed, not what was to be stored; later it goes on."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    store = make_store(path)
    add(store, make_endpoint())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StorageError, match="is locked by another process: let that"):
        keep(store, make_keep())

    other.execute("ROLLBACK")
    other.close()
    keep(store, make_keep())
    assert len(deliveries(store)) == 1
    store.close()


def test_full_database_is_told(path: Path) -> None:
    """What was accepted before is there, and there is room again later."""
    store = make_store(path)
    add(store, make_endpoint())
    driver = store.connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {pages + 10}")
    stored = 0

    with pytest.raises(StorageError, match="has no room left: free some space"):
        for number in range(1000):
            keep(store, make_keep(f"m{number}", data=b'"%s"' % (b"x" * 3000)))
            stored += 1

    assert 0 < stored == len(deliveries(store))
    driver.execute("PRAGMA max_page_count = 100000")
    keep(store, make_keep("later"))
    store.close()


def test_read_only_database_is_told(path: Path) -> None:
    """By SQLite's own rule, so that root sees it too."""
    store = make_store(path)
    driver = store.connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    add(store, make_endpoint())
    driver.execute("PRAGMA query_only = ON")

    with pytest.raises(StorageError, match="is read-only: make the file"):
        keep(store, make_keep())

    store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_deleted_file_is_told(path: Path, replaced: bool) -> None:
    """SQLite would go on writing into a file that nobody will ever read."""
    store = make_store(path)
    add(store, make_endpoint())
    hidden = path.with_name("hidden.db")
    path.rename(hidden)

    if replaced:
        path.touch()

    with pytest.raises(StorageError, match="was deleted or replaced"):
        keep(store, make_keep())

    hidden.rename(path)
    assert deliveries(store) == []
    store.close()


def test_store_is_closed_after_it_could_not_be_opened(path: Path) -> None:
    """No lock stays behind."""
    path.write_text("Dear diary, " * 100)

    with pytest.raises(OutboxError):
        make_store(path)

    path.unlink()
    make_store(path, "one").close()


# --- plans ---


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        (
            "endpoint_id = 1 AND state = 'waiting' AND due_at <= 1",
            "upcall_delivery_due",
        ),
        ("state = 'claimed' AND lease_until <= 1", "upcall_delivery_claims"),
        ("state = 'dead'", "upcall_delivery_dead"),
    ],
)
def test_conditions_use_the_partial_indexes(
    path: Path, condition: str, index: str
) -> None:
    """What is claimed is found at once, however much waits."""
    store = make_store(path)
    sql = f"EXPLAIN QUERY PLAN SELECT id FROM upcall_delivery WHERE {condition}"

    plan = str(store.connection.exec_driver_sql(sql).all())

    assert index in plan
    store.close()


def test_no_statement_of_a_claim_looks_at_all_deliveries(path: Path) -> None:
    """Neither at all of them nor at all of one endpoint, however many there were."""
    store = make_store(path)
    add(store, make_endpoint())
    keep(store, make_keep())
    driver = store.connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    seen: list[str] = []
    driver.set_trace_callback(seen.append)

    (found,) = claim(store, enlist(store)).claims
    settle(store, make_outcome(found, Move.RETRY))
    do(store, store.rescue, now=NOON)

    driver.set_trace_callback(None)
    plans = [
        str(row[-1])
        for sql in seen
        if sql.startswith(("SELECT", "UPDATE"))
        for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]
    whole = [each for each in plans if "SCAN upcall_delivery" in each]
    assert len(seen) > 10
    assert all("USING INDEX upcall_delivery_claims" in each for each in whole)
    assert not any("upcall_delivery_endpoint" in each for each in plans)
    store.close()


def test_store_refuses_another_thread(path: Path) -> None:
    """It belongs to its writer."""
    store = make_store(path)
    caught: list[BaseException] = []

    def use() -> None:
        try:
            do(store, store.counts)
        except Exception as error:  # noqa: BLE001 (looked at below)
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert "thread" in str(caught[0])
    store.close()


def test_secrets_are_forgotten_with_their_endpoint(path: Path) -> None:
    """What was removed is not in its row any more."""
    store = make_store(path)
    add(store, make_endpoint())
    do(store, store.remove, "one", now=NOON)

    rows = store.connection.exec_driver_sql("SELECT * FROM upcall_endpoint").all()

    assert SECRET not in str(rows)
    store.close()
