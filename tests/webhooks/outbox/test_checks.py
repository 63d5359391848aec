"""Checks of `check`: every fault that it looks for is found, and told in words."""

from __future__ import annotations

__all__ = ()

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.inbox import (
    claim_requests,
    make_outcome_of,
    make_take,
    settle_requests,
    take,
)
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

FAULTS = {
    "UPDATE upcall_delivery SET state = 'lost' WHERE id = 2": (
        "1 deliveries are in a state that there is not"
    ),
    "UPDATE upcall_delivery SET lease_until = NULL WHERE state = 'claimed'": (
        "1 deliveries are claimed without a worker or a lease"
    ),
    "DELETE FROM upcall_worker": (
        "1 deliveries are claimed by workers that are not on the list"
    ),
    "UPDATE upcall_delivery SET lease_until = lease_until + 3600000 "
    "WHERE state = 'claimed'": (
        "1 claims have a lease that ends too late: a clock was turned"
    ),
    "UPDATE upcall_delivery SET worker = 1 WHERE state = 'waiting'": (
        "1 deliveries that are not claimed have a worker or a lease"
    ),
    "UPDATE upcall_delivery SET finished_at = NULL WHERE state = 'delivered'": (
        "1 finished deliveries have no time of their end"
    ),
    "UPDATE upcall_delivery SET finished_at = 1 WHERE state = 'waiting'": (
        "1 deliveries have ended and are not finished"
    ),
    "UPDATE upcall_delivery SET reason = NULL WHERE state = 'dead'": (
        "1 deliveries are dead or cancelled without a reason"
    ),
    "UPDATE upcall_delivery SET attempts = 9 WHERE state = 'dead'": (
        "1 deliveries have more attempts than claims"
    ),
    "UPDATE upcall_endpoint SET removed_at = 1, enabled = false, sealed = ''": (
        "1 deliveries wait for an endpoint that was removed"
    ),
    "DELETE FROM upcall_endpoint": "4 deliveries are to an endpoint that there is not",
    "DELETE FROM upcall_message WHERE uid = 'm0'": "1 deliveries have no message",
    "UPDATE upcall_delivery SET version = 7 WHERE state = 'waiting'": (
        "1 deliveries wait in a version that their message was not written in"
    ),
    "DELETE FROM upcall_delivery WHERE state = 'waiting'": (
        "1 messages are fanned out and have no delivery"
    ),
    "UPDATE upcall_message SET fanned_out = false WHERE uid = 'm1'": (
        "1 messages have deliveries and are not fanned out"
    ),
    "INSERT INTO upcall_rendering VALUES (99, 1, x'')": "1 renderings have no message",
    "UPDATE upcall_attempt SET delivery_id = 99 WHERE id = 1": (
        "1 attempts have no delivery"
    ),
    "UPDATE upcall_endpoint SET size = 99": (
        "1 endpoints have a window that is out of range"
    ),
    "UPDATE upcall_endpoint SET enabled = false": (
        "1 endpoints are disabled and enabled at once"
    ),
    "UPDATE upcall_endpoint SET removed_at = 1": (
        "1 endpoints were removed and still have secrets"
    ),
    "UPDATE upcall_request SET state = 'lost' WHERE id = 1": (
        "1 requests are in a state that there is not"
    ),
    "UPDATE upcall_request SET worker = NULL WHERE state = 'claimed'": (
        "1 requests are claimed without a worker or a lease"
    ),
    "UPDATE upcall_request SET worker = 99 WHERE state = 'claimed'": (
        "1 requests are claimed by workers that are not on the list"
    ),
    "UPDATE upcall_request SET lease_until = lease_until + 3600000 "
    "WHERE state = 'claimed'": (
        "1 claims of requests have a lease that ends too late: a clock was turned"
    ),
    "UPDATE upcall_request SET lease_until = 1 WHERE state = 'waiting'": (
        "1 requests that are not claimed have a worker or a lease"
    ),
    "UPDATE upcall_request SET finished_at = NULL WHERE state = 'dead'": (
        "1 finished requests have no time of their end"
    ),
    "UPDATE upcall_request SET finished_at = 1 WHERE state = 'waiting'": (
        "1 requests have ended and are not finished"
    ),
    "UPDATE upcall_request SET reason = NULL WHERE state = 'dead'": (
        "1 requests are dead or cancelled without a reason"
    ),
    "UPDATE upcall_request SET attempts = 9 WHERE state = 'dead'": (
        "1 requests have more attempts than claims"
    ),
    "UPDATE upcall_request SET replayed_after = 9 WHERE state = 'dead'": (
        "1 requests were replayed after more attempts than they had"
    ),
    "UPDATE upcall_request_attempt SET request_id = 99 WHERE id = 1": (
        "1 attempts have no request"
    ),
    "UPDATE upcall_endpoint SET sealed = 'fernet:x'": (
        "no key opens the secrets of endpoint 'one'"
    ),
}


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Give a store with deliveries and requests in four states each.

    No rules save it.
    """
    store = SqliteStore(None, Seal([Fernet.generate_key()]))
    store.open()
    add(store, make_endpoint(concurrency=1))
    worker = enlist(store)
    keep(store, *(make_keep(f"m{n}") for n in range(4)))

    for number, move in enumerate((Move.DELIVER, Move.BURY)):
        now = NOON + 100 * number
        (found,) = claim(store, worker, now=now).claims
        settle(store, make_outcome(found, move, now=now))

    claim(store, worker, now=NOON + 200)
    take(store, *(make_take(f"r{n}") for n in range(4)))
    delivered, dead, _ = claim_requests(store, worker, now=NOON + 200, free=3)
    settle_requests(store, make_outcome_of(delivered), make_outcome_of(dead, Move.BURY))
    yield store
    store.close()


def look(store: SqliteStore) -> list[str]:
    """Return what is found."""
    return list(do(store, store.check, now=NOON + 200))


def harm(store: SqliteStore, statements: str) -> None:
    """Do what no verb would do."""
    driver = store.connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys = OFF")
    driver.execute("PRAGMA ignore_check_constraints = ON")
    driver.executescript(statements)
    driver.execute("PRAGMA ignore_check_constraints = OFF")


def test_sound_store_has_no_faults(store: SqliteStore) -> None:
    """What is there in the other tests is sound but for the harm."""
    assert look(store) == []


@pytest.mark.parametrize(("statement", "words"), FAULTS.items(), ids=FAULTS.values())
def test_fault_is_found(store: SqliteStore, statement: str, words: str) -> None:
    """And told, with how many there are."""
    harm(store, statement)

    assert any(found.startswith(words) for found in look(store)), look(store)


def test_damaged_file_is_found(store: SqliteStore) -> None:
    """SQLite looks at itself: here an index that lacks a row."""
    harm(
        store,
        "PRAGMA writable_schema = ON;"
        "CREATE TABLE spare (a); CREATE INDEX spare_a ON spare (a);"
        "INSERT INTO spare VALUES (1);"
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
        " WHERE name = 'upcall_delivery_dead') WHERE name = 'spare_a';"
        "PRAGMA writable_schema = RESET",
    )

    assert "SQLite: row 1 missing from index spare_a" in look(store)
