"""Checks of what a bridge does with endpoints and records, beyond registering them."""

from __future__ import annotations

__all__ = ()

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.webhooks.bridges import NOON, make_bridge, opened
from tests.webhooks.fakes import FakeTransport, accepts, make_endpoint, until

from upcall import Bus
from upcall.errors import OptionError
from upcall.testing import ManualClock
from upcall.webhooks import Bridge, EndpointError, News, OutboxError
from upcall.webhooks._proto.schemes import new_secret, scheme

URL = "https://one.example/hooks"


async def finished(bridge: Bridge, state: str, number: int = 1) -> list[Any]:
    """Wait until so many deliveries are in a state, and return them."""
    return list(await until(lambda: bridge.deliveries(state=state), number))


# --- pause and resume ---


async def test_paused_endpoint_gets_what_gathered_when_it_is_resumed() -> None:
    """New deliveries are made meanwhile."""
    transport = FakeTransport()

    async with opened(transport=transport) as (bus, bridge):
        await bridge.pause("one")
        await bus.aemit("order.paid", 1)
        await bus.aemit("order.paid", 2)
        (endpoint,) = await bridge.endpoints()
        assert endpoint.paused
        assert {each.state for each in await bridge.deliveries()} == {"waiting"}
        assert transport.sent == []

        await bridge.resume(endpoint)
        await finished(bridge, "delivered", 2)
        assert not (await bridge.endpoints())[0].paused


# --- rotation ---


async def test_rotated_secret_signs_beside_the_old_one_for_a_while() -> None:
    """Then alone."""
    transport, clock = FakeTransport(), ManualClock(NOON)

    async with opened(transport=transport, clock=clock) as (bus, bridge):
        (before,) = await bridge.endpoints()
        rotated = await bridge.rotate_secret("one", overlap=60)
        assert isinstance(rotated.secret, tuple)
        assert rotated.secret[1] == before.secret
        new = rotated.secret[0]

        await bus.aemit("order.paid", 1)
        await transport.arrived(1)
        await finished(bridge, "delivered", 1)
        clock.advance(61)
        await bus.aemit("order.paid", 2)
        await transport.arrived(2)
        await finished(bridge, "delivered", 2)
        assert (await bridge.endpoints())[0].secret == new

    first, second = transport.sent
    assert accepts(first, now=NOON)
    assert accepts(first, now=NOON, secret=new)
    assert accepts(second, now=NOON + 61, secret=new)

    with pytest.raises(Exception, match="sign"):
        accepts(second, now=NOON + 61)


async def test_rotation_of_a_single_signature_waits_for_its_time() -> None:
    """The receiver has that long to learn to take both."""
    transport, clock = FakeTransport(), ManualClock(NOON)
    old, new = "old-secret-of-some-length", "new-secret-of-some-length"

    async with Bus() as bus, make_bridge(bus, transport=transport, clock=clock) as b:
        await b.add(make_endpoint(scheme="github", secret=old))
        await b.rotate_secret("one", new, overlap=60)
        await bus.aemit("order.paid", 1)
        await transport.arrived(1)
        await finished(b, "delivered", 1)
        clock.advance(61)
        await bus.aemit("order.paid", 2)
        await transport.arrived(2)

    for sent, secret in zip(transport.sent, (old, new), strict=True):
        scheme("github", secret=secret).verify(sent.headers, sent.body, now=NOON)


@pytest.mark.parametrize("overlap", [-1, "x", True, None])
async def test_overlap_is_checked(overlap: Any) -> None:
    """With what would do."""
    async with opened() as (_, bridge):
        with pytest.raises(OptionError, match="give seconds"):
            await bridge.rotate_secret("one", overlap=overlap)


async def test_secret_that_does_not_fit_is_refused() -> None:
    """And not shown."""
    async with opened() as (_, bridge):
        with pytest.raises(EndpointError) as caught:
            await bridge.rotate_secret("one", "whsec_###")

        assert "###" not in str(caught.value)

        with pytest.raises(EndpointError, match="no endpoint"):
            await bridge.rotate_secret("two", new_secret())


# --- ping ---


async def test_ping_goes_to_one_endpoint_whatever_it_hears() -> None:
    """It is a delivery like others, and says how it went."""
    transport = FakeTransport()

    async with opened(transport=transport) as (_, bridge):
        await bridge.add(make_endpoint("two", events=["x"], tenant="acme"))
        ping = await bridge.ping("two")
        await finished(bridge, "delivered", 1)

        (attempt,) = await bridge.attempts(ping)
        assert attempt.status == 204

    (sent,) = transport.sent
    body = json.loads(sent.body)
    assert (body["type"], body["data"]) == ("webhook.ping", {"endpoint": "two"})
    assert sent.url == "https://two.example/hooks"


async def test_ping_of_an_endpoint_that_takes_none_is_told() -> None:
    """It is not there, or disabled."""
    async with opened() as (_, bridge):
        await bridge.disable("one")

        for name in ("one", "two"):
            with pytest.raises(EndpointError, match=f"'{name}' is there and enabled"):
                await bridge.ping(name)


# --- replay ---


async def test_replay_with_a_new_id_is_another_event_to_the_receiver() -> None:
    """Without one it is the same."""
    transport = FakeTransport()

    async with opened(transport=transport) as (bus, bridge):
        await bus.aemit("order.paid", 1, id="m1")
        (first,) = await finished(bridge, "delivered")
        await bridge.replay(first)
        made = await bridge.replay(first, new_id=True)
        await finished(bridge, "delivered", 3)

    ids = sorted(sent.id for sent in transport.sent)
    assert ids == sorted(["m1", "m1", made.message])
    assert made.message != "m1"


async def test_replay_since_takes_what_was_given_up_since_then() -> None:
    """An aware time, or seconds; once."""
    transport, clock = FakeTransport({URL: [400, 400]}), ManualClock(NOON)
    options: dict[str, Any] = {"transport": transport, "clock": clock}

    async with Bus() as bus, make_bridge(bus, schedule=[0], **options) as bridge:
        await bridge.add(make_endpoint())

        for number in range(2):
            await bus.aemit("order.paid", number)
            await finished(bridge, "dead", number + 1)
            clock.advance(3600)

        since = datetime.fromtimestamp(NOON, UTC) + timedelta(minutes=30)
        assert await bridge.replay_since("one", since) == 1
        await finished(bridge, "delivered", 1)
        assert await bridge.replay_since("one", NOON) == 1
        await finished(bridge, "delivered", 2)
        assert await bridge.replay_since("one", NOON) == 0


@pytest.mark.parametrize("time", ["x", None, True, datetime(2026, 1, 1)])  # noqa: DTZ001 (that is what is wrong with it)
async def test_time_of_a_replay_is_checked(time: Any) -> None:
    """A time without a zone is none."""
    async with opened() as (_, bridge):
        with pytest.raises(OptionError, match="aware"):
            await bridge.replay_since("one", time)


# --- tenants ---


async def test_tenants_get_their_own_events() -> None:
    """Whose an event is tells a function; records can be asked for by tenant."""
    transport = FakeTransport()

    async with (
        Bus() as bus,
        make_bridge(
            bus, transport=transport, tenant=lambda envelope: envelope.payload["who"]
        ) as bridge,
    ):
        for name in ("acme", "bolt"):
            await bridge.add(make_endpoint(name, tenant=name))

        await bus.aemit("order.paid", {"who": "acme"})
        await finished(bridge, "delivered")
        (found,) = await bridge.deliveries(tenant="acme")
        assert (found.endpoint, found.tenant) == ("acme", "acme")
        assert await bridge.deliveries(tenant="bolt") == []

    assert [sent.url for sent in transport.sent] == ["https://acme.example/hooks"]


async def test_bridge_may_have_one_tenant_for_all() -> None:
    """As a text."""
    async with Bus() as bus, make_bridge(bus, tenant="acme") as bridge:
        await bridge.add(make_endpoint(tenant="acme"))
        await bus.aemit("order.paid", 1)

        assert len(await bridge.deliveries(tenant="acme")) == 1


# --- formats ---


async def test_cloudevents_have_the_source_of_the_bridge() -> None:
    """Or of the endpoint; without either, registering says so."""
    transport = FakeTransport()

    async with (
        Bus() as bus,
        make_bridge(bus, transport=transport, source="https://shop.example") as bridge,
    ):
        added = await bridge.add(make_endpoint(format="cloudevents"))
        assert added.source == "https://shop.example"
        await bridge.add(make_endpoint("two", format="cloudevents", source="/mine"))
        await bus.aemit("order.paid", {"n": 1})
        await finished(bridge, "delivered", 2)

    sources = {sent.url: json.loads(sent.body)["source"] for sent in transport.sent}
    assert sources == {
        "https://one.example/hooks": "https://shop.example",
        "https://two.example/hooks": "/mine",
    }

    async with Bus() as bus, make_bridge(bus) as bridge:
        with pytest.raises(EndpointError, match="source"):
            await bridge.add(make_endpoint(format="cloudevents-binary"))


# --- what is found out ---


async def test_news_go_to_other_endpoints_that_ask_for_them() -> None:
    """Never to the one they are about, and news about news to nobody."""
    transport = FakeTransport({URL: [410], "https://ops.example/hooks": [410]})
    heard: list[News] = []

    async with opened(transport=transport) as (bus, bridge):
        bus.on("webhook.*", heard.append)
        await bridge.add(make_endpoint("ops", events=["webhook.disabled"]))
        await bridge.add(make_endpoint("more", events=["webhook.*", "**"]))
        await bridge.update(make_endpoint(events=["webhook.*", "**"]))
        await bus.aemit("order.paid", 1)
        await finished(bridge, "dead", 2)
        await finished(bridge, "delivered", 3)

    to_more = [json.loads(s.body)["type"] for s in transport.sent if "more" in s.url]
    assert sorted(to_more) == ["order.paid", "webhook.disabled", "webhook.exhausted"]
    assert {news.endpoint for news in heard} == {"one", "ops"}


# --- bad arguments ---


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda b: b.add("https://x"), "is no endpoint"),
        (lambda b: b.update(3), "is no endpoint"),
        (lambda b: b.remove(3), "give an Endpoint"),
        (lambda b: b.pause(None), "give an Endpoint"),
        (lambda b: b.deliveries(limit=-1), "give a number from 1 on"),
        (lambda b: b.deliveries(limit=True), "give a number from 1 on"),
        (lambda b: b.deliveries(state="bogus"), "give one of waiting"),
        (lambda b: b.deliveries(state=3), "give one of waiting"),
        (lambda b: b.deliveries(tenant=3), "tenant=3"),
        (lambda b: b.deliveries(before="x"), "give a Delivery"),
        (lambda b: b.attempts("x"), "give a Delivery"),
        (lambda b: b.replay(None), "give a Delivery"),
    ],
)
async def test_arguments_are_checked(call: Any, text: str) -> None:
    """With what would do."""
    async with opened() as (_, bridge):
        with pytest.raises((OptionError, EndpointError), match=text):
            await call(bridge)


async def test_delivery_that_is_not_there_is_told() -> None:
    """By its number."""
    async with opened() as (_, bridge):
        for call in (bridge.attempts, bridge.replay):
            with pytest.raises(OutboxError, match="no delivery 99"):
                await call(99)
