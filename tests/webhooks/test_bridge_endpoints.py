"""Checks of a bridge's endpoints and records."""

from __future__ import annotations

__all__ = ()

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from tests.webhooks.bridges import NOON, Nameless, Odd, Paid, make_bridge, opened
from tests.webhooks.fakes import FakeTransport, accepts, make_endpoint, until

from upcall import Bus
from upcall.errors import OptionError
from upcall.testing import ManualClock
from upcall.webhooks import (
    EndpointError,
    OutboxError,
)
from upcall.webhooks._proto.schemes import new_secret


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


async def test_update_replaces_an_endpoint() -> None:
    """What waits goes to the new place, and new keys are heeded at once."""
    transport = FakeTransport({"https://one.example/hooks": [503]})
    clock = ManualClock(NOON)

    async with opened(transport=transport, clock=clock) as (bus, bridge):
        await bus.aemit("order.paid", 1)
        await transport.arrived(1)
        secret = new_secret()
        moved = make_endpoint(
            url="https://new.example/",
            events=["order.*"],
            secret=secret,
            headers={"x-new": "yes"},
        )
        updated = await bridge.update(moved)
        clock.advance(10)
        await transport.arrived(2)
        await bus.aemit("user.new", 2)

        assert len(await bridge.deliveries()) == 1
        assert await bridge.endpoints() == [updated]

        with pytest.raises(EndpointError, match="half a wildcard"):
            await bridge.update(make_endpoint(events=["ord*"]))

    sent = transport.sent[1]
    assert sent.url == "https://new.example/"
    assert sent.headers["x-new"] == "yes"
    assert accepts(sent, now=NOON + 10, secret=secret)


async def test_options_of_deliveries_are_checked() -> None:
    """With what would do."""
    async with opened() as (_, bridge):
        with pytest.raises(OptionError, match="give one of waiting, claimed"):
            await bridge.deliveries(state="lost")

        with pytest.raises(OptionError, match="from 1 on"):
            await bridge.deliveries(limit=0)


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

        while not mine._opened().keeping.wants("order.paid"):
            await mine.endpoints()

        await bus.aemit("order.paid", 2)
        assert len(await mine.deliveries()) == 1


async def test_outbox_that_fails_for_a_while_is_reported(tmp_path: Path) -> None:
    """And endpoints are noticed again when it is back."""
    path = tmp_path / "outbox.db"
    clock = ManualClock(NOON)
    reported: list[Exception] = []
    bus = Bus(on_error=lambda error, *_: reported.append(error))

    async with make_bridge(bus, f"sqlite:///{path}", clock=clock, deliver=False):
        path.rename(tmp_path / "gone.db")

        while not reported:
            clock.advance(1)
            await checkpoint()

        (tmp_path / "gone.db").rename(path)

    assert {type(error) for error in reported} == {OutboxError}


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
