"""An outbox in which many deliveries wait, and claims from it."""

from __future__ import annotations

__all__ = ("AT_A_TIME", "claiming", "in_memory", "waiting")

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measure import Case
from cryptography.fernet import Fernet

from upcall.webhooks import Endpoint, new_secret
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

AT_A_TIME: Final = 50
"""How many are claimed at once."""

HEALTHY: Final = 100

_FILL: Final = (
    # The dead one failed a moment ago, and will be tried again in an hour.
    "UPDATE upcall_endpoint SET failures = 9, paused_until = 3600000 WHERE id = 1",
    """
    WITH RECURSIVE counted (n) AS
        (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :number)
    INSERT INTO upcall_message (uid, name, version, time, data)
    SELECT 'm' || n, 'order.paid', 1, 0, '{}' FROM counted
    """,
    # The oldest are those of the dead one.
    f"""
    INSERT INTO upcall_delivery (message_id, endpoint_id, created_at, due_at)
    SELECT id, CASE WHEN id <= :number * 9 / 10 THEN 1 ELSE 2 + id % {HEALTHY} END, 0, 0
    FROM upcall_message
    """,
)


def in_memory() -> str | None:
    """Return a directory in memory, so that the real disk has no part in it."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def waiting(path: Path, number: int) -> Generator[SqliteStore]:
    """Give a store in which so many wait: nine of ten for an endpoint that is dead."""
    store = SqliteStore(path, Seal([Fernet.generate_key()]))
    store.open()

    try:
        with store.transaction():
            for each in range(1 + HEALTHY):
                store.add(_endpoint(each), now=0)

            for statement in _FILL:
                store.connection.exec_driver_sql(statement, {"number": number})

        yield store
    finally:
        store.close()


def _endpoint(number: int) -> Endpoint:
    return Endpoint(
        url="https://example.com/",
        events=[f"e{number}"],
        secret=new_secret(),
        concurrency=8,
    )


def claiming(store: SqliteStore) -> Case:
    """Make the case that claims one from each of fifty endpoints, and gives it back."""
    with store.transaction():
        worker = store.enlist(now=1)

    def case(number: int) -> None:
        for _ in range(number):
            with store.transaction():
                turn = store.claim(worker, now=1, free=AT_A_TIME, unproven=AT_A_TIME)

            assert len(turn.claims) == AT_A_TIME

            with store.transaction():
                store.give_back(turn.claims)

    return case
