"""From bus to bus: what a bridge sends, a receiver takes, whatever the scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import anyio.lowlevel
import attrs
import pytest
from tests.webhooks.asgi import App, request
from tests.webhooks.bridges import NOON, make_bridge
from tests.webhooks.fakes import make_endpoint, until
from tests.webhooks.receive.taking import KEY, SECRETS

from upcall import Bus, Envelope
from upcall.testing import ManualClock
from upcall.webhooks import Answer, Receiver, Source

PAYLOAD = {"order": 1, "note": "naïve"}
HEADERS_NAME_THE_EVENT = ("github", "shopify")
SIGNING = sorted(set(SECRETS) - {"none"})


@attrs.define(eq=False)
class InProcess:
    """A transport whose network is a function call."""

    app: App
    statuses: list[int] = attrs.field(factory=list)

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (as the contract has it)
    ) -> Answer:
        parts = urlsplit(url)
        answered = await request(
            self.app,
            parts.path,
            body,
            headers=[("Host", parts.netloc), *headers],
            scheme=parts.scheme,
            query_string=parts.query.encode(),
        )
        self.statuses.append(answered.status)
        return Answer(status=answered.status, address="192.0.2.1")

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


async def send(scheme: str, format: str) -> list[Envelope[Any]]:
    """Emit an event here, and return what is heard there."""
    heard: list[Envelope[Any]] = []
    theirs = Bus()
    theirs.on("**", heard.append, envelope=True)
    clock = ManualClock(NOON)
    secret = SECRETS[scheme]
    source = Source(
        "/in",
        scheme=scheme,
        secret=secret,
        name="them",
        format="cloudevents" if format.startswith("cloudevents") else None,
    )
    transport = InProcess(Receiver(theirs, source, clock=clock))

    if scheme == "discord":
        secret = KEY.encode().hex()

    async with (
        Bus() as ours,
        make_bridge(
            ours, transport=transport, clock=clock, source="https://example.com"
        ) as bridge,
    ):
        await bridge.add(
            make_endpoint(
                url="https://them.example/in",
                scheme=scheme,
                secret=secret,
                format=format,
            )
        )
        await ours.aemit("order.paid", PAYLOAD, id="m1")
        await until(lambda: bridge.deliveries(state="delivered"), 1)

    assert len(transport.statuses) == 1
    return heard


@pytest.mark.parametrize("scheme", SIGNING)
async def test_an_event_comes_through(scheme: str) -> None:
    """Name and payload are the same; the name of the source stands in front."""
    whole = scheme in HEADERS_NAME_THE_EVENT

    (heard,) = await send(scheme, "raw" if whole else "standard")

    assert (heard.name, heard.payload) == ("them.order.paid", PAYLOAD)


@pytest.mark.parametrize("scheme", SIGNING)
async def test_a_raw_event_comes_through(scheme: str) -> None:
    """Nothing but the payload is in the body; its name is in a header."""
    (heard,) = await send(scheme, "raw")

    assert (heard.name, heard.payload) == ("them.order.paid", PAYLOAD)


@pytest.mark.parametrize("scheme", SIGNING)
@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-binary"])
async def test_a_cloudevent_comes_through(scheme: str, format: str) -> None:
    """Signed in any way."""
    (heard,) = await send(scheme, format)

    assert (heard.name, heard.payload) == ("them.order.paid", PAYLOAD)


async def test_an_event_that_comes_back_stops() -> None:
    """A bridge for all events, to the receiver of the same bus: four rounds."""
    clock = ManualClock(NOON)
    heard: list[str] = []

    async with Bus() as bus:
        source = Source("/in", scheme="standard", secret=SECRETS["standard"])
        transport = InProcess(Receiver(bus, source, clock=clock))

        async with make_bridge(bus, transport=transport, clock=clock) as bridge:
            bus.on("**", lambda each: heard.append(each.name), envelope=True)
            await bridge.add(
                make_endpoint(
                    url="https://us.example/in",
                    secret=SECRETS["standard"],
                    schedule=[0],
                )
            )
            await bus.aemit("push", 1)
            await until(lambda: bridge.deliveries(state="dead"), 1)

    assert sorted(transport.statuses) == [202, 202, 202, 202, 400]
    assert heard == ["push", *("standard." * n + "push" for n in range(1, 5))]
