"""Checks of what claiming costs in SQLite, counted: plans, and steps of its machine."""

from __future__ import annotations

__all__ = ()

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, update
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    claim_one,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move
from upcall.webhooks.outbox.contract import Turn
from upcall.webhooks.outbox.endpoints import Register
from upcall.webhooks.outbox.rows import to_ms
from upcall.webhooks.outbox.schema import endpoint, message
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

INDEXES = (
    "upcall_delivery_due",
    "upcall_delivery_claims",
    "upcall_delivery_order",
    "upcall_delivery_replays",
    "upcall_message_unfanned",
)
CHEAP = (*INDEXES, "INTEGER PRIMARY KEY")
LOOK = re.compile(r"(SCAN|SEARCH) (upcall_delivery|upcall_message|head)\b")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Give a store in memory."""
    store = SqliteStore(None, Seal())
    store.open()
    yield store
    store.close()


def driver(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection below."""
    found = store.connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def change(store: SqliteStore, uid: str, **values: Any) -> None:
    """Change the row of an endpoint."""
    with store.transaction():
        store.connection.execute(
            update(endpoint).where(endpoint.c.uid == uid).values(**values)
        )


def keep_unfanned(store: SqliteStore, uid: str) -> None:
    """Keep a message as `enqueue` does: nobody has fanned it out."""
    row = {"uid": uid, "name": "x", "version": 1, "time": 0, "data": b"{}"}

    with store.transaction():
        store.connection.execute(insert(message).values(**row, fanned_out=False))


def block(store: SqliteStore, uid: str) -> None:
    """Let the head of an endpoint wait, if it is ordered."""
    with store.transaction():
        store.connection.exec_driver_sql(
            "UPDATE upcall_delivery SET due_at = 1 << 60 WHERE id = (SELECT min(d.id)"
            " FROM upcall_delivery d JOIN upcall_endpoint e ON e.id = d.endpoint_id"
            " WHERE e.uid = ? AND e.ordered)",
            (uid,),
        )


def pile_up(store: SqliteStore, number: int) -> None:
    """Let so many deliveries wait, due, for each endpoint there is."""
    uids = [f"pile{number}-{each}" for each in range(number)]
    rows = [
        {"uid": uid, "name": "x", "version": 1, "time": 0, "data": b"{}"}
        for uid in uids
    ]

    with store.transaction():
        store.connection.execute(insert(message), rows)
        store.connection.exec_driver_sql(
            "INSERT INTO upcall_delivery (message_id, endpoint_id, created_at, due_at)"
            " SELECT m.id, e.id, 0, 1 FROM upcall_message m, upcall_endpoint e"
            " WHERE m.uid LIKE ? AND e.removed_at IS NULL",
            (f"pile{number}-%",),
        )


def steps_of_claim(store: SqliteStore, worker: int, *, now: float = NOON) -> int:
    """Claim, and return how many tens of instructions SQLite took for it."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver(store).set_progress_handler(count, 10)

    try:
        assert len(claim(store, worker, now=now).claims) == 1
    finally:
        driver(store).set_progress_handler(None, 0)

    return taken


def plans_of(store: SqliteStore, *verbs: Any) -> list[str]:
    """Call verbs, and return how SQLite looks up what their statements ask for."""
    seen: list[str] = []
    driver(store).set_trace_callback(seen.append)

    for verb in verbs:
        verb()

    driver(store).set_trace_callback(None)
    return [
        row[3]
        for statement in seen
        if statement.startswith(("SELECT", "UPDATE"))
        for row in driver(store).execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def test_no_statement_of_a_turn_reads_all_deliveries(store: SqliteStore) -> None:
    """Every look at deliveries and messages goes by a partial index, or by number."""
    add(store, make_endpoint("a", rate=5), make_endpoint("b", ordered=True))
    keep(store, make_keep())
    worker = enlist(store)

    turn = plans_of(store, lambda: claim(store, worker))
    others = plans_of(
        store,
        lambda: do(store, store.rescue, now=NOON),
        lambda: do(store, store.dismiss, worker, now=NOON),
    )

    looks = [plan for plan in (*turn, *others) if LOOK.match(plan)]
    assert [plan for plan in looks if not any(name in plan for name in CHEAP)] == []
    assert {name for name in INDEXES if any(name in plan for plan in looks)} == {
        *INDEXES
    }
    assert not any("FOR ORDER BY" in plan for plan in turn)


@pytest.mark.parametrize(
    "changes",
    [
        {"paused_until": 2**60},
        {"paused": True},
        {"enabled": False},
        {"rate": 0.001, "rate_at": to_ms(NOON + 900) * 1000},
        {"ordered": True},
        {"ordered": True, "paused_until": 2**60},
    ],
)
def test_what_waits_for_one_costs_the_others_nothing(
    store: SqliteStore, changes: dict[str, Any]
) -> None:
    """A hundred or five thousand: hardly more instructions of SQLite's machine.

    The ordered one waits for its head. There are two endpoints each time.
    """
    add(store, make_endpoint("dead", events=["x"], concurrency=1))
    change(store, "dead", **changes)
    worker = enlist(store)
    counts = list[int]()

    for number in (100, 5000):
        pile_up(store, number)
        block(store, "dead")
        add(store, make_endpoint(f"alive{number}"))
        keep(store, make_keep(f"m{number}"))
        counts.append(steps_of_claim(store, worker))
        do(store, store.remove, f"alive{number}", now=NOON)

    assert counts[1] <= 1.5 * counts[0]


@pytest.mark.parametrize("ordered", [False, True])
def test_what_waits_behind_costs_the_first_nothing(
    store: SqliteStore, ordered: bool
) -> None:
    """One is taken from a hundred or from five thousand at the same cost."""
    counts = list[int]()

    for number in (100, 5000):
        uid = f"one{number}"
        add(store, make_endpoint(uid, ordered=ordered, concurrency=1))
        pile_up(store, number)
        worker = enlist(store)
        counts.append(steps_of_claim(store, worker))
        do(store, store.remove, uid, now=NOON)

    assert counts[1] <= 1.3 * counts[0]


def test_ordered_endpoint_waits_for_what_is_not_fanned_out(store: SqliteStore) -> None:
    """An older message holds it, a newer one does not; replays go all the same."""
    add(store, make_endpoint("ordered", ordered=True), make_endpoint("free"))
    keep(store, make_keep("m1"))
    keep_unfanned(store, "newer")
    worker = enlist(store)
    found = claim(store, worker).claims
    dead, other = found
    settle(store, make_outcome(dead, Move.BURY), make_outcome(other, Move.DELIVER))
    keep(store, make_keep("m2"))
    now = NOON + 1

    assert [each.endpoint.id for each in found] == ["ordered", "free"]
    held = claim(store, worker, now=now)
    assert [each.endpoint.id for each in held.claims] == ["free"]
    assert held.next_due is None

    replay = do(store, store.replay, dead.delivery, now=now)
    again = claim_one(store, worker, now=now)
    assert again.delivery == replay.id
    settle(store, make_outcome(again, Move.DELIVER, now=now))

    do(store, store.fan_out, now=now, limit=10)
    assert claim_one(store, worker, now=now).message.id == "newer"


def test_endpoint_that_somebody_holds_is_looked_at_soon(store: SqliteStore) -> None:
    """What is due and was not to be had: in a moment, but not at once."""
    add(store, make_endpoint())
    keep(store, make_keep())
    worker = enlist(store)

    # Of one that was added since the list of endpoints was read, the same holds.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_register", lambda: Register(0, ()))
        turn = claim(store, worker)

    assert turn == Turn(next_due=NOON + 0.05)
    assert len(claim(store, worker, now=NOON + 0.05).claims) == 1
