"""Checks of how a bridge is opened and left."""

from __future__ import annotations

__all__ = ()

import asyncio
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint
from tests.webhooks.bridges import NOON, make_bridge, opened
from tests.webhooks.fakes import FakeTransport, make_endpoint, until

from upcall import Bus
from upcall._events.envelope import make_envelope
from upcall.testing import ManualClock
from upcall.webhooks import (
    BridgeClosedError,
    ConflictError,
    Outbox,
    OutboxError,
)
from upcall.webhooks._proto.delivery import State
from upcall.webhooks.outbox.contract import StorageError


async def test_bridge_may_be_opened_before_its_bus() -> None:
    """In either order."""
    transport = FakeTransport()
    bus = Bus()

    async with make_bridge(bus, transport=transport) as bridge, bus:
        await bridge.add(make_endpoint())
        await bus.emit_soon("order.paid", 1)
        await transport.arrived()

    assert len(transport.sent) == 1


async def test_leaving_takes_what_the_bus_still_emits(tmp_path: Path) -> None:
    """A callback that runs in the background when the block ends is waited for."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"

    async with Bus() as bus:

        async def chain(number: int) -> None:
            await checkpoint()

            if number:
                await bus.aemit("order.paid", number - 1, id=f"m{number - 1}")

        bus.on("order.paid", chain)

        async with make_bridge(bus, outbox, deliver=False) as bridge:
            await bridge.add(make_endpoint())
            bus.emit("order.paid", 5, id="m5")

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        assert len(await again.deliveries()) == 6


async def test_leaving_tells_what_could_not_be_stored() -> None:
    """Before it ends, even if others go on using the outbox."""
    reported: list[Exception] = []
    outbox = Outbox("sqlite://")
    await outbox.open()

    async with Bus(on_error=lambda error, *_: reported.append(error)) as bus:
        async with make_bridge(bus, outbox, deliver=False) as bridge:
            await bridge.add(make_endpoint())
            bus.emit("order.paid", 1, id="m1")
            bus.emit("order.paid", 2, id="m1")

        assert [type(error) for error in reported] == [ConflictError]

    await outbox.close()


async def test_event_after_leaving_is_refused_aloud() -> None:
    """Never dropped without a word, for as long as the bus is open."""
    heard: list[object] = []

    async with Bus() as bus:
        bus.on("**", heard.append)

        async with make_bridge(bus) as bridge:
            await bridge.add(make_endpoint(events=["order.*"]))

        with pytest.raises(BridgeClosedError, match="after its bridge was closed"):
            await bus.aemit("order.paid", 1)

        with pytest.raises(BridgeClosedError):
            bus.emit("order.paid", 1)

        await bus.aemit("user.new", 2)

    assert heard == [2]


async def test_leaving_waits_for_what_is_in_flight() -> None:
    """For some seconds, and writes down how it ended."""
    transport = FakeTransport()
    outbox = Outbox("sqlite://")
    await outbox.open()

    async with Bus() as bus, make_bridge(bus, outbox, transport=transport) as bridge:
        await bridge.add(make_endpoint())
        transport.hold()
        await bus.aemit("order.paid", 1)
        await transport.arrived()
        bus.emit("order.lost", 2)
        transport.release()

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        states = {each.event: each.state for each in await again.deliveries()}

    await outbox.close()
    assert states["order.paid"] is State.DELIVERED
    assert states["order.lost"] is not State.CLAIMED


async def test_leaving_gives_back_what_takes_too_long() -> None:
    """It lapses at once, and the next bridge attempts it again."""
    transport, clock = FakeTransport(), ManualClock(NOON)
    outbox = Outbox("sqlite://")
    await outbox.open()

    async def turn() -> None:
        while True:
            await checkpoint()
            clock.advance(0.5 if clock.sleepers else 0)

    async def leave() -> None:
        async with make_bridge(
            Bus(), outbox, transport=transport, clock=clock
        ) as bridge:
            transport.hold()
            await bridge.add(make_endpoint())
            await bridge._opened().keeping.keep(make_envelope("order.paid", 1))
            await transport.arrived()

    async with anyio.create_task_group() as group:
        group.start_soon(turn)
        await leave()
        group.cancel_scope.cancel()

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        (row,) = await again.deliveries()

    await outbox.close()
    assert (row.state, row.attempts) == (State.WAITING, 1)


async def test_exception_out_of_the_block_comes_out_bare() -> None:
    """And nothing is waited for."""
    transport = FakeTransport()
    outbox = Outbox("sqlite://")
    await outbox.open()

    with pytest.raises(ZeroDivisionError):
        async with (
            Bus() as bus,
            make_bridge(bus, outbox, transport=transport) as bridge,
        ):
            await bridge.add(make_endpoint())
            transport.hold()
            await bus.aemit("order.paid", 1)
            await transport.arrived()
            raise ZeroDivisionError

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        (row,) = await again.deliveries()

    await outbox.close()
    assert row.state is State.WAITING


async def test_cancelled_block_leaves_nothing_claimed() -> None:
    """As when somebody presses Ctrl-C."""
    transport = FakeTransport()
    outbox = Outbox("sqlite://")
    await outbox.open()

    with anyio.CancelScope() as scope:
        async with (
            Bus() as bus,
            make_bridge(bus, outbox, transport=transport) as bridge,
        ):
            await bridge.add(make_endpoint())
            transport.hold()
            await bus.aemit("order.paid", 1)
            await transport.arrived()
            scope.cancel()
            await anyio.sleep_forever()

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        (row,) = await again.deliveries()

    await outbox.close()
    assert scope.cancelled_caught
    assert row.state is State.WAITING


async def test_cancelled_while_it_drains_the_bridge_is_left_all_the_same() -> None:
    """A callback that runs on and on holds nobody for ever who does not want it."""
    outbox = Outbox("sqlite://")
    await outbox.open()

    async def wait() -> None:
        async with Bus() as bus, make_bridge(bus, outbox, deliver=False) as bridge:
            await bridge.add(make_endpoint())
            bus.run(anyio.sleep_forever)
            bus.emit("order.paid", 1)

    with anyio.move_on_after(0.1) as scope:
        await wait()

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        assert len(await again.deliveries()) == 1

    await outbox.close()
    assert scope.cancelled_caught


async def test_worker_that_cannot_start_fails_the_opening() -> None:
    """With its own error, bare, and nothing is left open."""
    outbox = Outbox("sqlite://")
    await outbox.open()

    def refuse(**_: object) -> int:
        raise StorageError("the disk is full")

    outbox.store.enlist = refuse  # type: ignore[method-assign]
    bridge = make_bridge(Bus(), outbox)

    with pytest.raises(OutboxError, match="the disk is full"):
        await bridge.__aenter__()

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        assert await again.deliveries() == []

    await outbox.close()


async def test_outbox_that_fails_while_it_is_left_is_reported(tmp_path: Path) -> None:
    """The bridge is closed all the same."""
    path = tmp_path / "outbox.db"
    reported: list[Exception] = []

    async with (
        Bus(on_error=lambda error, *_: reported.append(error)) as bus,
        make_bridge(bus, f"sqlite:///{path}"),
    ):
        path.rename(tmp_path / "gone.db")

    assert reported
    assert {type(error) for error in reported} == {OutboxError}


async def test_event_of_another_loop_is_kept_and_wakes_the_worker() -> None:
    """Whoever keeps it waits in a loop of its own."""
    async with opened() as (_, bridge):
        keeping = bridge._opened().keeping
        envelope = make_envelope("order.paid", 1)

        await anyio.to_thread.run_sync(anyio.run, keeping.keep, envelope)

        await until(lambda: bridge.deliveries(state="delivered"), 1)


async def test_bridge_is_opened_once() -> None:
    """Another one is cheap."""
    bridge = make_bridge(Bus())

    async with bridge:
        with pytest.raises(BridgeClosedError, match="make another one"):
            await bridge.__aenter__()

    with pytest.raises(BridgeClosedError, match="make another one"):
        await bridge.__aenter__()


async def test_bridge_that_is_not_open_says_so() -> None:
    """Every call that touches the outbox."""
    bridge = make_bridge(Bus())

    with pytest.raises(OutboxError, match="open the bridge"):
        await bridge.deliveries()

    with pytest.raises(OutboxError, match="open the bridge"):
        await bridge.statistics()


async def test_failed_opening_leaves_nothing_open(tmp_path: Path) -> None:
    """Neither a keeper nor a lock."""
    bus = Bus()
    missing = tmp_path / "later"

    with pytest.raises(OutboxError, match="must exist"):
        async with make_bridge(bus, f"sqlite:///{missing}/outbox.db"):
            pass

    await bus.aemit("order.paid", 1)
    missing.mkdir()

    async with make_bridge(bus, f"sqlite:///{missing}/outbox.db"):
        pass


def test_bridge_works_under_a_plain_asyncio_run() -> None:
    """Without anyio's own runner, and from a callback of the loop."""
    transport = FakeTransport()

    async def main() -> None:
        async with opened(transport=transport) as (bus, bridge):
            asyncio.get_running_loop().call_soon(bus.emit, "order.paid", 1)
            await asyncio.sleep(0)
            await until(lambda: bridge.deliveries(state="delivered"), 1)

    asyncio.run(main())

    assert len(transport.sent) == 1
