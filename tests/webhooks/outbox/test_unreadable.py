"""Endpoints whose secrets no key opens here are left alone, and others are not."""

from __future__ import annotations

__all__ = ()

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
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
)

from upcall import Bus
from upcall.webhooks import Bridge, Outbox
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.contract import Kept
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

MINE, THEIRS = Fernet.generate_key(), Fernet.generate_key()


def open_store(path: Path, *keys: bytes) -> SqliteStore:
    """Open the store with these keys."""
    store = SqliteStore(path, Seal(keys))
    store.open()
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give an outbox with one endpoint that only they can open, and one that we can."""
    path = tmp_path / "outbox.db"

    for key, name in ((THEIRS, "theirs"), (MINE, "ours")):
        store = open_store(path, key)
        add(store, make_endpoint(name, headers={"x": "hidden"}))
        store.close()

    return path


def test_who_only_stores_needs_no_keys(path: Path) -> None:
    """Nothing that is accepted is lost for want of one."""
    store = open_store(path)

    assert keep(store, make_keep()) == [Kept(deliveries=2, new=True)]
    assert {each.endpoint for each in deliveries(store)} == {"theirs", "ours"}
    store.close()


def test_others_are_delivered_to(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be sent from here waits, and is looked at now and then."""
    store = open_store(path, MINE)
    keep(store, make_keep())
    worker = enlist(store)

    turn = claim(store, worker)

    assert [each.endpoint.id for each in turn.claims] == ["ours"]
    assert turn.next_due is not None
    assert turn.next_due >= NOON + 1
    assert "no key opens the secrets of endpoint 'theirs'" in caplog.text
    store.close()


def test_it_is_delivered_to_where_the_key_is(path: Path) -> None:
    """By any process that has it."""
    store = open_store(path, MINE)
    keep(store, make_keep())
    store.close()
    store = open_store(path, THEIRS, MINE)
    worker = enlist(store)

    found = claim(store, worker).claims

    assert {each.endpoint.id for each in found} == {"theirs", "ours"}
    assert all(dict(each.endpoint.headers) == {"x": "hidden"} for each in found)
    store.close()


def test_who_lists_endpoints_is_told(path: Path) -> None:
    """There is nothing that could be shown."""
    store = open_store(path, MINE)

    with pytest.raises(OutboxError, match="no key opens the secrets of endpoint"):
        do(store, store.endpoints, now=NOON)

    store.close()


async def test_bridge_that_only_stores_needs_no_keys(path: Path) -> None:
    """It opens, and what it accepts is there for others."""
    outbox = Outbox(f"sqlite:///{path}")

    async with Bus() as bus, Bridge(bus, outbox, deliver=False) as bridge:
        await bus.aemit("order.paid", 1)

        assert len(await bridge.deliveries()) == 2
