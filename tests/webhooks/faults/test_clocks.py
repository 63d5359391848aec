"""Clocks that jump, and workers that are silent: late perhaps, but nothing is lost."""

from __future__ import annotations

__all__ = ()

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint
from tests.webhooks.fakes import FakeTransport, Middle, make_endpoint
from tests.webhooks.outbox.conformance.verbs import NOON, make_keep

from upcall.testing import ManualClock
from upcall.webhooks import Outbox, Worker
from upcall.webhooks.clock import SharedClock
from upcall.webhooks.outbox.contract import Counts

HOUR = 3600.0
SLEEPERS = 2
"""How many sleep on a clock when a worker has nothing to do."""

pytestmark = pytest.mark.timeout(200)


class Jumping(ManualClock):
    """A clock that is also put back."""

    def jump(self, seconds: float) -> None:
        """Show another time, forward or back; nobody is woken."""
        self._now += seconds


class Lying(SharedClock):
    """The clock of a machine whose shared clock jumps."""

    async def sleep(self, seconds: float) -> None:
        """Wait a little."""
        await anyio.sleep(seconds / 20)


@attrs.define(eq=False)
class Bench:
    """An outbox, and what workers send."""

    outbox: Outbox
    transport: FakeTransport

    async def keep(self, *ids: str, now: float = NOON) -> None:
        """Store messages."""
        for each in ids:
            await self.outbox.writer.perform_in_bulk(
                self.outbox.store.keep, make_keep(each, now=now)
            )

    async def counts(self) -> Counts:
        """Count."""
        return await self.outbox.writer.perform(self.outbox.store.counts)

    async def delivered(self, number: int, *clocks: ManualClock) -> None:
        """Turn clocks, half a minute at a time, until so many have been delivered."""
        with anyio.fail_after(120):
            while (await self.counts()).delivered < number:
                await settled(self, *clocks)

                for clock in clocks:
                    clock.advance(30)

    @asynccontextmanager
    async def working(self, *clocks: ManualClock) -> AsyncIterator[None]:
        """Let a worker work by each of the clocks."""
        workers = [
            Worker(self.outbox, transport=self.transport, clock=each, random=Middle())
            for each in clocks
        ]

        async with anyio.create_task_group() as group:
            for worker in workers:
                await group.start(worker.run)

            yield

            for worker in workers:
                worker.stop()


@asynccontextmanager
async def opened(url: str = "sqlite://") -> AsyncIterator[Bench]:
    """Give a bench with one endpoint."""
    outbox = Outbox(url)
    await outbox.open()

    try:
        endpoint = make_endpoint(timeout=1, schedule=[0] * 90)
        await outbox.writer.perform(outbox.store.add, endpoint, now=NOON)
        yield Bench(outbox, FakeTransport())
    finally:
        await outbox.close()


async def settled(bench: Bench, *clocks: ManualClock) -> None:
    """Return when whoever goes by these clocks sleeps."""
    with anyio.fail_after(120):
        for clock in clocks:
            while clock.sleepers < SLEEPERS:
                await bench.counts()
                await checkpoint()


@pytest.mark.parametrize("phase", [0.0, 0.5, 1.1, 1.9, 3.3, 4.5])
async def test_claims_are_taken_back_within_twelve_seconds(phase: float) -> None:
    """Whenever the others looked last before a worker fell silent."""
    async with opened() as bench:
        store, perform = bench.outbox.store, bench.outbox.writer.perform
        clock = ManualClock(NOON - phase)
        await bench.keep("m1")
        silent = await perform(store.enlist, now=NOON)
        await perform(store.claim, silent, now=NOON, free=1, unproven=1)

        async with bench.working(clock):
            await settled(bench, clock)

            while clock.now() < NOON + 12 and not bench.transport.sent:
                clock.advance(0.5)
                await settled(bench, clock)

            # What was claimed then is under way.
            await bench.transport.arrived(1)

        assert (await bench.counts()).claimed == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
@pytest.mark.parametrize("both", [False, True])
async def test_clocks_that_jump_lose_nothing(*, jump: float, both: bool) -> None:
    """Of one worker, or of both; while requests are under way, and before new ones."""
    async with opened() as bench:
        clocks = [Jumping(NOON), Jumping(NOON)]

        async with bench.working(*clocks):
            await bench.keep("m1", "m2", "m3")
            bench.transport.hold()
            clocks[0].advance(1)
            await bench.transport.arrived(1)

            for clock in clocks if both else clocks[:1]:
                clock.jump(jump)

            await bench.keep("m4", "m5", "m6")
            bench.transport.release()
            await bench.delivered(6, *clocks)

        counts = await bench.counts()

    assert (counts.delivered, counts.claimed, counts.waiting) == (6, 0, 0)
    assert {sent.id for sent in bench.transport.sent} == {f"m{n}" for n in range(1, 7)}


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_server_whose_clock_jumps_loses_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """All workers follow it, sooner or later."""
    async with opened(postgres_url) as bench:
        store = bench.outbox.store
        told = store.time
        clock = Lying()
        transport = bench.transport
        workers = [
            Worker(bench.outbox, transport=transport, clock=Lying()) for _ in range(2)
        ]

        async with anyio.create_task_group() as group:
            for worker in workers:
                await group.start(worker.run)

            clock.correct(await bench.outbox.writer.perform(told))
            await bench.keep("m1", "m2", now=clock.now())
            await transport.arrived(1)
            monkeypatch.setattr(store, "time", lambda: (told() or 0.0) + jump)
            await bench.keep("m3", "m4", now=clock.now() + min(0.0, jump))

            with anyio.fail_after(120):
                while (await bench.counts()).delivered < 4:
                    await checkpoint()

            for worker in workers:
                worker.stop()

        counts = await bench.counts()

    assert (counts.delivered, counts.claimed) == (4, 0)
    assert {sent.id for sent in transport.sent} == {"m1", "m2", "m3", "m4"}
