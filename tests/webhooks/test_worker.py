"""Checks of the public worker: it delivers what others stored."""

from __future__ import annotations

__all__ = ()

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.webhooks.bridges import NOON, make_bridge
from tests.webhooks.fakes import FakeTransport, Middle, make_endpoint, until

from upcall import Bus, UpcallError
from upcall.errors import OptionError
from upcall.testing import ManualClock
from upcall.webhooks import Bridge, News, OutboxError, Worker


@asynccontextmanager
async def working(outbox: str, **options: Any) -> AsyncIterator[Worker]:
    """Give a worker that runs."""
    given: dict[str, Any] = {"clock": ManualClock(NOON), "random": Middle()}
    worker = Worker(outbox, options.pop("bus", None), **(given | options))

    async with anyio.create_task_group() as group:
        await group.start(worker.run)
        yield worker
        worker.stop()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give an outbox that several can open."""
    return f"sqlite:///{tmp_path / 'outbox.db'}"


async def test_worker_delivers_what_a_bridge_only_stored(url: str) -> None:
    """It needs nothing but the outbox, and wakes by itself."""
    transport = FakeTransport()

    async with (
        working(url, transport=transport),
        Bus() as bus,
        make_bridge(bus, url, deliver=False) as bridge,
    ):
        await bridge.add(make_endpoint())
        await bus.aemit("order.paid", 1, id="m1")

        (sent,) = await transport.arrived()
        await until(lambda: bridge.deliveries(state="delivered"), 1)

    assert sent.id == "m1"
    assert not transport.is_closed


async def test_worker_tells_its_bus_what_it_finds_out(url: str) -> None:
    """Under reserved names; no wildcard stands for them."""
    transport = FakeTransport(default=410)
    heard: list[News] = []
    others: list[object] = []
    told = anyio.Event()

    async with Bus() as mine, Bus() as bus, make_bridge(bus, url, deliver=False) as b:
        mine.on("webhook.*", heard.append)
        mine.on("**", others.append)
        mine.on("webhook.disabled", lambda _: told.set())
        await b.add(make_endpoint(tenant="acme"))
        bridge_event = bus.aemit("order.paid", 1, id="m1")
        await bridge_event

        # A tenant's endpoint hears that tenant's events only: nothing was stored.
        assert await b.deliveries() == []
        await b.add(make_endpoint("two"))
        await bus.aemit("order.paid", 1, id="m2")

        async with working(url, bus=mine, transport=transport):
            with anyio.fail_after(20):
                await told.wait()

    assert [news.name for news in heard] == ["webhook.exhausted", "webhook.disabled"]
    assert {news.endpoint for news in heard} == {"two"}
    assert {news.message for news in heard} == {"m2"}
    assert "410" in str(heard[1].reason)
    assert others == []


async def test_worker_that_was_stopped_before_ends_at_once(url: str) -> None:
    """It was entered in the outbox and struck off."""
    worker = Worker(url, transport=FakeTransport(), clock=ManualClock(NOON))
    worker.stop()

    with anyio.fail_after(20):
        await worker.run()

    assert worker.in_flight == 0


async def test_worker_runs_once_at_a_time(url: str) -> None:
    """A second run says so; afterwards it may run again."""
    async with working(url, transport=FakeTransport()) as worker:
        with pytest.raises(UpcallError, match="runs already"):
            await worker.run()


async def test_cancelled_worker_leaves_nothing_claimed(url: str) -> None:
    """Another one attempts again what was in flight."""
    transport = FakeTransport()
    transport.hold()

    async with Bus() as bus, make_bridge(bus, url, deliver=False) as bridge:
        await bridge.add(make_endpoint())
        await bus.aemit("order.paid", 1)

        async with anyio.create_task_group() as group:
            worker = Worker(url, transport=transport, clock=ManualClock(NOON))
            await group.start(worker.run)
            await transport.arrived()
            group.cancel_scope.cancel()

        (left,) = await bridge.deliveries()
        assert left.state == "waiting"


async def test_outbox_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """At once."""
    worker = Worker(f"sqlite:///{tmp_path}/missing/outbox.db")

    with pytest.raises(OutboxError, match="directory"):
        await worker.run()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"outbox": 3}, "give a database URL"),
        ({"bus": 3}, "is no bus"),
        ({"guard": ["10.0.0.0/8"]}, r"give a Guard"),
        ({"transport": 3}, "give a transport"),
        ({"slots": 0}, "give a number from 1 on"),
        ({"slots": "9"}, "give a number from 1 on"),
        ({"clock": 3}, "give a clock"),
        ({"random": 3}, "give a random.Random"),
    ],
)
def test_options_are_checked(options: dict[str, Any], text: str) -> None:
    """At once, with what would do."""
    with pytest.raises(OptionError, match=text):
        Worker(**({"outbox": "sqlite://"} | options))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"outbox": 3}, "give a database URL"),
        ({"outbox": Path("x.db")}, "give a database URL"),
        ({"guard": ["10.0.0.0/8"]}, r"give a Guard"),
        ({"transport": object()}, "give a transport"),
        ({"schedule": 5}, "schedule"),
        ({"clock": 3}, "give a clock"),
        ({"random": "x"}, "give a random.Random"),
        ({"codec": None}, "give a codec"),
        ({"max_payload": -1}, "give a number of bytes"),
        ({"tenant": 3}, "tenant=3"),
    ],
)
def test_options_of_a_bridge_are_checked(options: dict[str, Any], text: str) -> None:
    """Likewise."""
    with pytest.raises(OptionError, match=text):
        Bridge(Bus(), **({"outbox": "sqlite://"} | options))


def test_bridge_needs_a_bus() -> None:
    """And says so."""
    with pytest.raises(OptionError, match="is no bus"):
        Bridge(3, "sqlite://")  # type: ignore[arg-type]
