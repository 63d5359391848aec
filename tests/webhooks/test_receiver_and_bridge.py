"""In and out again: what a receiver takes, a bridge on the same bus stores once."""

from __future__ import annotations

from pathlib import Path

from tests.webhooks.asgi import request
from tests.webhooks.signed import github, sources

from upcall import Bus
from upcall.webhooks import Bridge, Endpoint, Receiver, new_secret


async def test_an_event_that_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    """A callback failed, so the sender sends again: the id is the same, and stored."""
    fails = [True, False]

    def callback(payload: object) -> None:
        if fails.pop(0):
            raise RuntimeError

    async with (
        Bus() as bus,
        Bridge(bus, f"sqlite:///{tmp_path}/outbox.db", deliver=False) as bridge,
    ):
        endpoint = Endpoint(
            url="https://example.com/", events=["github.*"], secret=new_secret()
        )
        await bridge.add(endpoint)
        bus.on("github.push", callback)
        receiver = Receiver(bus, sources())

        answers = [
            await request(receiver, "/github", b'{"a":1}', headers=github(b'{"a":1}'))
            for _ in range(3)
        ]
        deliveries = await bridge.deliveries()

    assert [answer.status for answer in answers] == [500, 202, 202]
    assert len(deliveries) == 1
    assert deliveries[0].message.startswith("github-")
    assert fails == []


async def test_an_event_that_cannot_be_stored_is_not_taken(tmp_path: Path) -> None:
    """The outbox has no room for it: no callback hears it, and the sender knows."""
    heard: list[object] = []
    body = b'{"a":"' + b"x" * 100 + b'"}'

    async with (
        Bus() as bus,
        Bridge(
            bus, f"sqlite:///{tmp_path}/outbox.db", deliver=False, max_payload=50
        ) as bridge,
    ):
        await bridge.add(
            Endpoint(url="https://example.com/", events=["**"], secret=new_secret())
        )
        bus.on("github.push", heard.append)

        answer = await request(
            Receiver(bus, sources()), "/github", body, headers=github(body)
        )

    assert answer.status == 500
    assert heard == []
