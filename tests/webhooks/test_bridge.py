"""Checks of the bridge: what is accepted, when, and how it is left."""

from __future__ import annotations

__all__ = ()

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint
from tests.webhooks.fakes import FakeTransport, Middle, accepts, make_endpoint, until

from upcall import Bus, event
from upcall._events.envelope import make_envelope
from upcall.testing import ManualClock
from upcall.webhooks import (
    Bridge,
    BridgeClosedError,
    ConflictError,
    EndpointError,
    Outbox,
    OutboxError,
    PayloadError,
)
from upcall.webhooks._proto.delivery import State

NOON = 1_700_000_000.0


@event("bridge_test.paid", version=2)
class Paid:
    """An event with a version."""

    number: int


@event("bridge_test.odd")
@attrs.frozen
class Odd:
    """An event that JSON would lose a part of."""

    number: int = attrs.field(converter=int)


class Nameless:
    """An event that has no name."""


def make_bridge(bus: Bus, outbox: Outbox | str = "sqlite://", **options: Any) -> Bridge:
    """Make a bridge with a clock and dice of its own, that talks to nobody."""
    given: dict[str, Any] = {
        "transport": FakeTransport(),
        "clock": ManualClock(NOON),
        "random": Middle(),
    }
    return Bridge(bus, outbox, **(given | options))


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[Bus, Bridge]]:
    """Give an open bus and bridge, with one endpoint."""
    async with Bus() as bus, make_bridge(bus, **options) as bridge:
        await bridge.add(make_endpoint())
        yield bus, bridge


# --- accepted ---


async def test_accepted_event_is_stored_and_delivered() -> None:
    """The body is the standard one, and signed."""
    transport = FakeTransport()

    async with opened(transport=transport) as (bus, bridge):
        await bus.aemit(Paid(7), id="m1")
        (delivery,) = await until(lambda: bridge.deliveries(state="delivered"), 1)
        (attempt,) = await bridge.attempts(delivery)

    (sent,) = transport.sent
    assert accepts(sent, now=NOON)
    assert sent.id == "m1"
    body = json.loads(sent.body)
    assert (body["type"], body["data"]) == ("bridge_test.paid", {"number": 7})
    assert (delivery.message, delivery.endpoint) == ("m1", "one")
    assert (attempt.status, attempt.address) == (204, "192.0.2.1")
    assert attempt.number == 1


async def test_event_is_on_disk_before_a_callback_is_called(tmp_path: Path) -> None:
    """Another connection sees it from within the callback."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    seen: list[int] = []

    async with Bus() as bus, make_bridge(bus, outbox, deliver=False) as bridge:
        await bridge.add(make_endpoint())

        async with make_bridge(Bus(), outbox, deliver=False) as other:

            @bus.on("order.paid")
            async def look(_: object) -> None:
                seen.append(len(await other.deliveries()))

            await bus.aemit("order.paid", 1)

    assert seen == [1]


async def test_event_that_cannot_be_stored_is_heard_by_nobody(tmp_path: Path) -> None:
    """Nobody acts on what was not accepted."""
    path = tmp_path / "outbox.db"
    heard: list[object] = []

    async with opened(outbox=f"sqlite:///{path}") as (bus, _):
        bus.on("**", heard.append)
        path.rename(tmp_path / "gone.db")

        with pytest.raises(OutboxError, match="was deleted or replaced"):
            await bus.aemit("order.paid", 1)

        (tmp_path / "gone.db").rename(path)

    assert heard == []


async def test_event_that_no_endpoint_hears_is_not_stored() -> None:
    """It is an event like any other, for callbacks."""
    heard: list[object] = []

    async with Bus() as bus, make_bridge(bus) as bridge:
        bus.on("**", heard.append)
        await bridge.add(make_endpoint(events=["user.*"]))
        await bus.aemit("order.paid", 1)
        assert await bridge.deliveries() == []

    assert heard == [1]


async def test_event_without_a_name_is_not_kept() -> None:
    """It has nothing that an endpoint could ask for."""
    async with opened() as (bus, bridge):
        await bus.aemit(Nameless())
        assert await bridge.deliveries() == []


async def test_same_id_again_is_stored_once() -> None:
    """Even though the time of the emission is another one; callbacks hear both."""
    heard: list[object] = []

    async with opened(deliver=False) as (bus, bridge):
        bus.on("**", heard.append)
        await bus.aemit("order.paid", {"b": 1, "a": 2}, id="m1")
        await bus.aemit("order.paid", {"a": 2, "b": 1}, id="m1")
        assert len(await bridge.deliveries()) == 1

    assert len(heard) == 2


async def test_same_id_with_other_bytes_is_a_conflict() -> None:
    """And no callback is called."""
    heard: list[object] = []

    async with opened(deliver=False) as (bus, _):
        await bus.aemit("order.paid", 1, id="m1")
        bus.on("**", heard.append)

        with pytest.raises(ConflictError, match="give each event an id of its own"):
            await bus.aemit("order.paid", 2, id="m1")

    assert heard == []


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (object(), "cannot be encoded"),
        ("x" * 300_000, "300002 bytes as JSON, and 262144 are allowed: send less"),
        (Odd(1), "number has a converter"),
    ],
)
async def test_payload_that_cannot_be_sent_is_refused(payload: Any, text: str) -> None:
    """At the call, by all three ways to emit, and before anybody heard it."""
    heard: list[object] = []
    args = (payload,) if isinstance(payload, Odd) else ("order.paid", payload)

    async with opened(deliver=False) as (bus, bridge):
        bus.on("**", heard.append)

        with pytest.raises(PayloadError, match=text):
            await bus.aemit(*args)

        with pytest.raises(PayloadError, match=text):
            bus.emit(*args)

        with pytest.raises(PayloadError, match=text):
            await bus.emit_soon(*args)

        assert await bridge.deliveries() == []

    assert heard == []


async def test_largest_payload_is_an_option() -> None:
    """In bytes of JSON."""
    async with opened(max_payload=10) as (bus, _):
        await bus.aemit("order.paid", "12345678")

        with pytest.raises(PayloadError, match="11 bytes"):
            await bus.aemit("order.paid", "123456789")


async def test_emit_queues_and_leaving_stores(tmp_path: Path) -> None:
    """In the order of the emits; nothing of it is lost when the bridge is left."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"

    async with opened(outbox=outbox, deliver=False) as (bus, _):
        for number in range(20):
            bus.emit("order.paid", number, id=f"m{number}")

    async with make_bridge(Bus(), outbox, deliver=False) as again:
        stored = await again.deliveries()

    assert [each.message for each in reversed(stored)] == [f"m{n}" for n in range(20)]


async def test_emit_that_cannot_be_stored_is_reported() -> None:
    """To on_error, with its envelope; the caller has gone on."""
    reported: list[tuple[type[Exception], str | None]] = []

    def report(error: Exception, _: object, envelope: Any) -> None:
        reported.append((type(error), envelope.id if envelope else None))

    async with Bus(on_error=report) as bus, make_bridge(bus, deliver=False) as bridge:
        await bridge.add(make_endpoint())
        bus.emit("order.paid", 1, id="m1")
        bus.emit("order.paid", 2, id="m1")

    assert reported == [(ConflictError, "m1")]


async def test_cancelled_emission_is_unknown_and_settled_by_its_id() -> None:
    """Stored or not, once it was cancelled: the same id again is stored once."""
    async with opened(deliver=False) as (bus, bridge):
        for number in range(20):
            with anyio.move_on_after(0):
                await bus.aemit("order.paid", number, id=f"m{number}")

            await bus.aemit("order.paid", number, id=f"m{number}")

        stored = [each.message for each in await bridge.deliveries()]

    assert sorted(stored) == sorted(f"m{n}" for n in range(20))


async def test_several_bridges_store_one_after_the_other() -> None:
    """The failure of the second does not undo the first; the id makes it whole."""
    async with (
        Bus() as bus,
        make_bridge(bus, deliver=False) as one,
        make_bridge(bus, deliver=False) as two,
    ):
        await one.add(make_endpoint())
        await two.add(make_endpoint(events=["user.*"]))
        await two.add(make_endpoint("odd", events=["order.*"]))
        await bus.aemit("order.paid", 1, id="m1")

        assert len(await one.deliveries()) == len(await two.deliveries()) == 1

        await two.remove("odd")
        await bus.aemit("order.paid", 1, id="m2")
        assert (len(await one.deliveries()), len(await two.deliveries())) == (2, 1)


# --- opening and leaving ---


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
            await bridge.keep(make_envelope("order.paid", 1))
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


# --- endpoints ---


async def test_add_gives_back_what_is_stored() -> None:
    """Classes as names, and the bridge's schedule filled in."""
    async with Bus() as bus, make_bridge(bus, schedule=(0, 3)) as bridge:
        added = await bridge.add(make_endpoint(events=[Paid, "user.*"]))
        other = await bridge.add(make_endpoint("two", schedule=(0, 1)))

        assert added.events == ("bridge_test.paid", "user.*")
        assert (added.schedule, other.schedule) == ((0, 3), (0, 1))
        assert await bridge.endpoints() == [added, other]


async def test_add_is_heeded_at_once() -> None:
    """Also by events that were emitted before, and wanted by nobody."""
    async with Bus() as bus, make_bridge(bus, deliver=False) as bridge:
        await bus.aemit("order.paid", 1)
        await bridge.add(make_endpoint())
        await bus.aemit("order.paid", 2)
        assert len(await bridge.deliveries()) == 1

        await bridge.remove("one")
        await bus.aemit("order.paid", 3)
        assert [each.state for each in await bridge.deliveries()] == ["cancelled"]


async def test_endpoint_of_another_process_is_noticed(tmp_path: Path) -> None:
    """Within a second, by a bridge that had no endpoint for the event."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    clock = ManualClock(NOON)

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, clock=clock, deliver=False) as mine,
        make_bridge(Bus(), outbox, deliver=False) as other,
    ):
        await bus.aemit("order.paid", 1)
        await other.add(make_endpoint())
        clock.advance(1)

        while not mine.wants("order.paid"):
            await mine.endpoints()

        await bus.aemit("order.paid", 2)
        assert len(await mine.deliveries()) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"url": "https://127.0.0.1/"}, r"127\.0\.0\.1.*Guard\(allow="),
        ({"url": "http://example.com/"}, "http"),
        ({"events": ["ord*"]}, "half a wildcard"),
        ({"events": [Nameless]}, "decorate the class with @event"),
        ({"events": [Odd]}, "number has a converter"),
        ({"secret": "whsec_short"}, "endpoint 'one'"),
        ({"headers": {"host": "x"}}, "host"),
        ({"schedule": ()}, "schedule of 0 delays"),
    ],
)
async def test_endpoint_that_is_wrong_is_refused(
    changes: dict[str, Any], text: str
) -> None:
    """When it is registered, with what to do."""
    async with Bus() as bus, make_bridge(bus) as bridge:
        with pytest.raises(EndpointError, match=text):
            await bridge.add(make_endpoint(**changes))

        assert await bridge.endpoints() == []


async def test_disabled_endpoint_can_be_enabled() -> None:
    """What waited goes on."""
    transport = FakeTransport({"https://one.example/hooks": [410]})

    async with opened(transport=transport) as (bus, bridge):
        await bus.aemit("order.paid", 1)
        (dead,) = await until(lambda: bridge.deliveries(state="dead"), 1)
        assert dead.reason == "status 410: the receiver wants no more"
        assert [each.enabled for each in await bridge.endpoints()] == [False]

        await bridge.enable("one")
        await bridge.replay(dead)
        await until(lambda: bridge.deliveries(state="delivered"), 1)
        await bridge.disable("one")
        await bus.aemit("order.paid", 2)
        assert len(await bridge.deliveries()) == 2


# --- records ---


async def test_replay_sends_the_same_message_again() -> None:
    """The same id and bytes, so that the receiver can drop it."""
    transport = FakeTransport()

    async with opened(transport=transport) as (bus, bridge):
        await bus.aemit("order.paid", 1)
        (first,) = await until(lambda: bridge.deliveries(state="delivered"), 1)
        again = await bridge.replay(first)
        await until(lambda: bridge.deliveries(state="delivered"), 2)
        assert again.id != first.id

    one, two = transport.sent
    assert (one.id, one.body) == (two.id, two.body)


async def test_deliveries_come_in_pages() -> None:
    """The last one of a page gives the next."""
    async with opened(deliver=False) as (bus, bridge):
        for number in range(5):
            await bus.aemit("order.paid", number, id=f"m{number}")

        first = await bridge.deliveries(limit=2)
        second = await bridge.deliveries(limit=2, before=first[-1])
        none = await bridge.deliveries(before=datetime.fromtimestamp(NOON, UTC))

    assert [each.message for each in first + second] == ["m4", "m3", "m2", "m1"]
    assert none == []


async def test_statistics_count() -> None:
    """What there is, and what is under way."""
    transport = FakeTransport()

    async with opened(transport=transport) as (bus, bridge):
        transport.hold()
        await bus.aemit("order.paid", 1)
        await bus.aemit("order.paid", 2)
        await transport.arrived()
        found = await bridge.statistics()
        transport.release()

    assert (found.endpoints, found.waiting, found.claimed) == (1, 1, 1)
    assert (found.in_flight, found.delivered) == (1, 0)


async def test_log_and_record_show_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Signatures, values of headers and of the query are masked."""
    endpoint = make_endpoint(
        url="https://one.example/hooks?token=hidden", headers={"x-key": "hidden"}
    )

    with caplog.at_level(logging.DEBUG):
        async with Bus() as bus, make_bridge(bus) as bridge:
            await bridge.add(endpoint)
            await bus.aemit("order.paid", 1)
            (row,) = await until(lambda: bridge.deliveries(state="delivered"), 1)
            (attempt,) = await bridge.attempts(row)

    headers = dict(attempt.request_headers)
    assert headers["x-key"] == headers["webhook-signature"] == "***"
    assert attempt.url == "https://one.example/hooks?token=***"
    assert "hidden" not in str(attempt) + caplog.text
    records = [each.__dict__ for each in caplog.records]
    assert any(each.get("upcall_delivery") == row.id for each in records)
