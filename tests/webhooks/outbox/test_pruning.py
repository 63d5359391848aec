"""Checks of how pruning finds what it deletes: by indexes, and each thing once."""

from __future__ import annotations

__all__ = ()

from collections.abc import Iterator

import pytest
from sqlalchemy.dialects import sqlite
from tests.webhooks.outbox.conformance.verbs import deliveries, do

from upcall.webhooks.outbox.pruning import CANDIDATES
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

MESSAGES = 3000
ENDED = 1_700_000_000_000
SCRIPT = f"""
    INSERT INTO upcall_endpoint (
        id, uid, url, events, scheme, sealed, timeout, schedule, concurrency, enabled,
        description, metadata, created_at
    ) VALUES (1, 'one', 'u', '[]', 'standard', '', 1, '[0]', 1, true, '', '{{}}', 0);

    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MESSAGES})
    INSERT INTO upcall_message (id, uid, name, version, time, data)
    SELECT i, 'm' || i, 'a', 1, 0, x'' FROM n;

    INSERT INTO upcall_delivery (
        message_id, endpoint_id, state, created_at, due_at, finished_at, reason
    )
    SELECT id, 1, CASE id % 10 WHEN 0 THEN 'delivered' ELSE 'dead' END, 0, 0,
        {ENDED} + id, 'r'
    FROM upcall_message;
"""


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Give a store with messages; every tenth was delivered, and the others died."""
    store = SqliteStore(None, Seal())
    store.open()

    driver = store.connection.connection.driver_connection
    assert driver is not None
    driver.executescript(SCRIPT)
    yield store
    store.close()


def test_candidates_are_found_by_indexes(store: SqliteStore) -> None:
    """Neither messages nor deliveries are looked through, nor sorted."""
    compiled = CANDIDATES.compile(dialect=sqlite.dialect())
    given = dict.fromkeys(compiled.params, 1)
    values = [given[name] for name in compiled.positiontup or ()]

    with store.connection.begin():
        rows = store.connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}", tuple(values)
        ).all()

    plan = "\n".join(row[3] for row in rows)
    assert "SEARCH upcall_delivery USING INDEX upcall_delivery_ended" in plan
    assert plan.count("USING INDEX sqlite_autoindex_upcall_delivery_1") == 2
    assert "SCAN" not in plan.replace("SCALAR", "")
    assert "TEMP B-TREE" not in plan


def test_slices_delete_all_and_nothing_else(store: SqliteStore) -> None:
    """Whatever has to stay in between."""
    late, never = ENDED / 1000 + MESSAGES, 0.0
    done: list[int] = []

    while not done or done[-1] == 70:
        done.append(do(store, store.prune, delivered=late, dead=never, limit=70))

    assert sum(done) == MESSAGES // 10
    assert do(store, store.counts).dead == MESSAGES * 9 // 10
    assert do(store, store.prune, delivered=late, dead=late + 1, limit=9999) == 2700
    assert deliveries(store) == []


def test_slice_goes_on_where_the_last_one_ended(store: SqliteStore) -> None:
    """What has to stay is not looked at again and again: steps, counted by SQLite."""
    late = ENDED / 1000 + MESSAGES
    driver = store.connection.connection.driver_connection
    assert driver is not None
    steps: list[int] = []

    for _ in range(6):
        count = [0]

        def tick(count: list[int] = count) -> int:
            count[0] += 1
            return 0

        driver.set_progress_handler(tick, 100)
        assert do(store, store.prune, delivered=late, dead=0.0, limit=40) == 40
        driver.set_progress_handler(None, 0)
        steps.append(count[0])

    assert max(steps) < 2 * min(steps)
