"""Checks of the bridge: what is accepted, and when."""

from __future__ import annotations

__all__ = ()

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.webhooks.bridges import NOON, Nameless, Odd, Paid, make_bridge, opened
from tests.webhooks.fakes import FakeTransport, accepts, make_endpoint, until

from upcall import Bus
from upcall.webhooks import (
    ConflictError,
    OutboxError,
    PayloadError,
)


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
