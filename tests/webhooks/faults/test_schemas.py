"""A newer Upcall migrates the tables while an older one is at work."""

from __future__ import annotations

__all__ = ()

import logging

import anyio
import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import text
from tests.webhooks.bridges import make_bridge
from tests.webhooks.fakes import FakeTransport, make_endpoint
from tests.webhooks.faults.retrying import Hurried
from tests.webhooks.outbox.conformance.verbs import make_keep

from upcall import Bus
from upcall.webhooks import Outbox, OutboxError, Worker
from upcall.webhooks.outbox.schema import SCHEMA_VERSION

pytestmark = pytest.mark.timeout(200)

NEWER = SCHEMA_VERSION + 1


async def migrate(outbox: Outbox, *, version: int, needs: int) -> None:
    """Do what a newer Upcall does; by a connection of whoever is open."""
    store = outbox.store
    changes = (
        f"UPDATE upcall_meta SET value = {version} WHERE name = 'schema_version'",
        f"UPDATE upcall_meta SET value = {needs} WHERE name = 'needs'",
        "UPDATE upcall_meta SET value = value + 1 WHERE name = 'endpoint_changes'",
    )

    def change() -> None:
        for each in changes:
            store.connection.execute(text(each))  # type: ignore[attr-defined]

    await outbox.writer.perform(change)


async def delivered(outbox: Outbox, number: int) -> None:
    """Wait until so many have been delivered."""
    with anyio.fail_after(60):
        while (await outbox.writer.perform(outbox.store.counts)).delivered < number:
            await checkpoint()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty outbox."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path')}/outbox.db"

    found: str = request.getfixturevalue("postgres_url")
    return found


async def test_what_only_adds_stops_nobody(url: str) -> None:
    """Old and new work side by side."""
    outbox, transport = Outbox(url), FakeTransport()

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, transport=transport, clock=Hurried()) as bridge,
    ):
        await bridge.add(make_endpoint())
        await bus.aemit("order.paid", 1, id="m1")
        await migrate(outbox, version=NEWER, needs=SCHEMA_VERSION)
        await bus.aemit("order.paid", 2, id="m2")
        await delivered(outbox, 2)

    assert [sent.id for sent in transport.sent] == ["m1", "m2"]


async def test_what_asks_for_more_stops_all_until_it_is_undone(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is stored or sent, and whoever asks is told what to do."""
    outbox, transport = Outbox(url), FakeTransport()
    worker = Worker(Outbox(url), transport=transport, clock=Hurried())

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, deliver=False) as bridge,
        anyio.create_task_group() as group,
    ):
        await bridge.add(make_endpoint(id="one"))
        await group.start(worker.run)
        await bus.aemit("order.paid", 1, id="m1")
        await delivered(outbox, 1)
        await migrate(outbox, version=NEWER, needs=NEWER)

        with pytest.raises(OutboxError, match="upgrade upcall"):
            await bus.aemit("order.paid", 2, id="m2")

        caplog.set_level(logging.ERROR, "upcall")

        with anyio.fail_after(60):
            while "upgrade upcall" not in caplog.text:
                await checkpoint()

        assert [sent.id for sent in transport.sent] == ["m1"]
        await migrate(outbox, version=SCHEMA_VERSION, needs=SCHEMA_VERSION)
        await outbox.writer.perform_in_bulk(outbox.store.keep, make_keep("m2"))
        await delivered(outbox, 2)
        worker.stop()

    assert [sent.id for sent in transport.sent] == ["m1", "m2"]
