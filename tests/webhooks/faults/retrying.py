"""Emitters that try again with the same id, until the outbox says yes."""

from __future__ import annotations

__all__ = ("Hurried", "Retrying", "drained", "received")

from collections import Counter

import anyio
import attrs
from tests.webhooks.fakes import FakeTransport

from upcall import Bus
from upcall.webhooks import Outbox, OutboxError
from upcall.webhooks.clock import SharedClock

_PATIENCE = 120.0


class Hurried(SharedClock):
    """A clock that tells the time, and on which waits are short."""

    async def sleep(self, seconds: float) -> None:
        """Wait a little."""
        await anyio.sleep(seconds / 20)


@attrs.define(eq=False)
class Retrying:
    """Emits, and keeps count of what was accepted and what was refused."""

    bus: Bus
    name: str
    accepted: set[str] = attrs.field(factory=set[str])
    refused: Counter[str] = attrs.field(factory=Counter[str])
    number: int = 0

    async def emit(self) -> str:
        """Emit one event, again and again, until it is accepted; return its id."""
        self.number += 1
        key = f"{self.name}-{self.number}"

        with anyio.fail_after(_PATIENCE):
            while not await self._try(key):  # noqa: ASYNC110 (nobody tells us)
                await anyio.sleep(0.01)

        return key

    async def emit_many(self, number: int) -> None:
        """Emit so many, one after the other."""
        for _ in range(number):
            await self.emit()

    async def _try(self, key: str) -> bool:
        try:
            await self.bus.aemit("order.paid", {"key": key}, id=key)
        except OutboxError:
            self.refused[key] += 1
            return False

        self.accepted.add(key)
        return True


async def drained(outbox: Outbox) -> None:
    """Return when nothing waits or is claimed any more."""
    with anyio.fail_after(_PATIENCE):
        while True:
            counts = await outbox.writer.perform(outbox.store.counts)

            if counts.waiting == counts.claimed == 0:
                return

            await anyio.sleep(0.01)


def received(transport: FakeTransport) -> Counter[str]:
    """Count requests by the id of their message; their bodies must be of it."""
    for sent in transport.sent:
        assert f'"key":"{sent.id}"'.encode() in sent.body

    return Counter(sent.id for sent in transport.sent)
