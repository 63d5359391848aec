"""Receivers with a store as the tests make them, and what becomes of their requests."""

from __future__ import annotations

__all__ = ("SCHEDULE", "Stored", "until")

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
from tests.webhooks.asgi import Answered, request
from tests.webhooks.fakes import Middle
from tests.webhooks.signed import NOW, github, sources

from upcall import Bus
from upcall.testing import ManualClock
from upcall.webhooks import Outbox
from upcall.webhooks._proto.request import StoredRequest
from upcall.webhooks.receiver import Receiver, Source

SCHEDULE = (0.0, 5.0, 60.0)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until it is so.

    What is looked at has a thread of its own to wait for, so this does not spin.
    """
    with anyio.fail_after(20):
        while not await look():
            await anyio.lowlevel.checkpoint()


class Stored:
    """A receiver that stores, with a callback that counts, waits and fails if told."""

    def __init__(
        self,
        store: Outbox | str = "sqlite://",
        *,
        given: Sequence[Source] = (),
        bus: Bus | None = None,
        **options: Any,
    ) -> None:
        self.heard: list[Any] = []
        self.ids: list[str] = []
        self.failures: list[Exception] = []
        self.fails = False
        self.go_on = anyio.Event()
        self.go_on.set()
        self.clock = ManualClock(NOW)
        self.bus = bus or Bus(on_error=lambda error, *_: self.failures.append(error))
        self.bus.on("**", self.hear, envelope=True)
        given_options: dict[str, Any] = {
            "store": store,
            "clock": self.clock,
            "random": Middle(),
            "schedule": SCHEDULE,
        }
        self.receiver = Receiver(
            self.bus, given or sources(), **(given_options | options)
        )

    async def hear(self, envelope: Any) -> None:
        self.heard.append(envelope.payload)
        self.ids.append(envelope.id)
        await self.go_on.wait()

        if self.fails:
            raise ValueError("it is told to fail")

    async def post(
        self, body: bytes = b'{"n":1}', *, guid: str = "guid-1", event: str = "push"
    ) -> Answered:
        """Send a request of GitHub's."""
        headers = github(body, guid=guid, event=event)
        return await request(self.receiver, "/github", body, headers=headers)

    async def in_state(self, state: str, number: int = 1) -> list[StoredRequest]:
        """Wait until so many are in a state, and return them."""

        async def there() -> bool:
            return len(await self.receiver.requests(state=state)) >= number

        await until(there)
        return await self.receiver.requests(state=state)

    async def failed(self) -> StoredRequest:
        """Wait until one waits for its next attempt, and return it."""

        async def there() -> bool:
            return any(each.reason for each in await self.in_state("waiting", 0))

        await until(there)
        (found,) = await self.receiver.requests(state="waiting")
        return found

    async def advance(self, seconds: float) -> None:
        """Turn the clock, once the receiver sleeps."""
        with anyio.fail_after(20):
            while not self.clock.sleepers:
                await anyio.lowlevel.checkpoint()

        self.clock.advance(seconds)
