"""Checks of the worker, on a clock that is turned by hand."""

from __future__ import annotations

__all__ = ()

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.webhooks.fakes import FakeTransport, Middle, make_endpoint, until

from upcall.testing import ManualClock
from upcall.webhooks import Outbox
from upcall.webhooks._deliver.deliverer import Deliverer
from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks._proto.delivery import Attempt, Delivery, State
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schedule import DEFAULT
from upcall.webhooks.outbox.contract import Keep

NOON = 1_700_000_000.0
URL = "https://one.example/hooks"
SLEEPERS = 2
"""How many sleep when there is nothing to do: the worker itself, and what prunes."""


class Edge(Random):
    """Dice that always show one end of the range."""

    def __init__(self, end: int) -> None:
        super().__init__()
        self.end = end

    def uniform(self, a: float, b: float) -> float:
        return (a, b)[self.end]


class Bench:
    """An outbox with a worker on it, and a clock and a transport of their own."""

    def __init__(self, outbox: Outbox, transport: FakeTransport) -> None:
        self.outbox = outbox
        self.transport = transport
        self.clock = ManualClock(NOON)
        self.reported: list[Exception] = []

    def worker(self, **options: Any) -> Deliverer:
        """Make a worker that is not running yet."""
        given: dict[str, Any] = {
            "transport": self.transport,
            "clock": self.clock,
            "random": Middle(),
            "report": self.reported.append,
        }
        return Deliverer(self.outbox, **(given | options))

    async def add(self, *names: str, **changes: Any) -> None:
        """Register endpoints."""
        for name in names:
            await self.outbox.writer.perform(
                self.outbox.store.add, make_endpoint(name, **changes), now=NOON
            )

    async def keep(self, *ids: str, name: str = "order.paid") -> None:
        """Store messages."""
        for each in ids:
            time = datetime.fromtimestamp(self.clock.now(), UTC)
            message = Message(id=each, name=name, time=time, data=b"1")
            await self.outbox.writer.perform_in_bulk(
                self.outbox.store.keep, Keep(message=message, now=self.clock.now())
            )

    async def deliveries(self, state: State | None = None) -> Sequence[Delivery]:
        """List deliveries."""
        return await self.outbox.writer.perform(
            self.outbox.store.deliveries,
            endpoint=None,
            tenant=None,
            state=state,
            before=None,
            limit=10_000,
        )

    async def finished(self, state: State, number: int) -> Sequence[Delivery]:
        """Wait until so many are in a state, and return them."""
        return await until(lambda: self.deliveries(state), number)

    async def attempts(self, delivery: int) -> Sequence[Attempt]:
        """List attempts."""
        return await self.outbox.writer.perform(self.outbox.store.attempts, delivery)

    async def advance(self, seconds: float) -> None:
        """Turn the clock when the worker sleeps, so that it sees the new time."""
        while self.clock.sleepers < SLEEPERS:
            await self.deliveries()

        self.clock.advance(seconds)

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[Deliverer]:
        """Give a worker that runs."""
        worker = self.worker(**options)

        async with anyio.create_task_group() as group:
            await group.start(worker.run)
            yield worker
            worker.stop()


@asynccontextmanager
async def opened(
    transport: FakeTransport | None = None, url: str = "sqlite://"
) -> AsyncIterator[Bench]:
    """Give a bench with an open outbox."""
    outbox = Outbox(url)
    await outbox.open()

    try:
        yield Bench(outbox, transport or FakeTransport())
    finally:
        await outbox.close()


@pytest.mark.parametrize("end", [0, 1])
async def test_whole_schedule_with_jitter_at_its_bounds(end: int) -> None:
    """Ten attempts over three days, and then it is dead; in milliseconds."""
    async with opened(FakeTransport(default=503)) as bench:
        await bench.add("one")
        await bench.keep("m1")

        async with bench.running(random=Edge(end)) as worker:
            for number in range(1, 11):
                await bench.transport.arrived(number)
                state = State.DEAD if number == 10 else State.WAITING
                (row,) = await bench.finished(state, 1)
                wait = row.due.timestamp() - bench.clock.now()
                bench.clock.advance(max(0.0, wait))
                worker.wake()

        attempts = await bench.attempts(row.id)

    gaps = [
        (two.started - one.started).total_seconds() for one, two in pairwise(attempts)
    ]
    factor = (0.8, 1.2)[end]
    assert gaps == pytest.approx([delay * factor for delay in DEFAULT[1:]], abs=0.01)
    assert row.reason == "no attempt left of 10; the last one: status 503"


async def test_retry_comes_when_it_is_due_and_not_before() -> None:
    """The worker sleeps until then by itself."""
    async with opened(FakeTransport({URL: [503]})) as bench:
        await bench.add("one", schedule=(0, 10))
        await bench.keep("m1")

        async with bench.running():
            await bench.transport.arrived(1)
            await bench.finished(State.WAITING, 1)

            for _ in range(99):
                await bench.advance(0.1)

            await bench.deliveries()
            assert len(bench.transport.sent) == 1
            await bench.advance(0.2)
            await bench.transport.arrived(2)
            await bench.finished(State.DELIVERED, 1)


async def test_message_that_comes_wakes_the_worker() -> None:
    """No time has to go by."""
    async with opened() as bench:
        await bench.add("one")

        async with bench.running() as worker:
            await bench.deliveries()
            await bench.keep("m1")
            worker.wake()
            await bench.finished(State.DELIVERED, 1)

        assert bench.clock.now() == NOON


async def test_message_of_another_process_is_found_within_a_second() -> None:
    """Nobody wakes the worker for it."""
    async with opened() as bench:
        await bench.add("one")

        async with bench.running():
            await bench.advance(0)
            await bench.keep("m1")
            await bench.advance(1)
            await bench.finished(State.DELIVERED, 1)


async def test_concurrency_holds_over_two_workers() -> None:
    """However many slots they have."""
    async with opened() as bench:
        await bench.add("one", concurrency=3)
        await bench.keep(*(f"m{n}" for n in range(30)))

        async with bench.running(), bench.running():
            await bench.finished(State.DELIVERED, 30)

        assert bench.transport.most_in_flight[URL] == 3
        assert len({sent.id for sent in bench.transport.sent}) == 30
        assert len(bench.transport.sent) == 30


async def test_slots_bound_what_is_in_flight() -> None:
    """Over all endpoints."""
    names = [f"e{n}" for n in range(9)]

    async with opened() as bench:
        await bench.add(*names, concurrency=1)
        await bench.keep("m1", "m2")
        await bench.keep("m3")

        async with bench.running(slots=4) as worker:
            bench.transport.hold()
            await bench.transport.arrived(2)
            await bench.deliveries()
            assert worker.in_flight <= 4
            bench.transport.release()
            await bench.finished(State.DELIVERED, 27)


async def test_dead_endpoints_leave_slots_to_the_others() -> None:
    """Four that never answer, six slots: the healthy one goes on at once."""
    dead = [f"dead{n}" for n in range(4)]
    transport = FakeTransport()

    async with opened(transport) as bench:
        await bench.add("one", events=["order.*"])
        await bench.keep("first")

        async with bench.running(slots=6) as worker:
            await bench.finished(State.DELIVERED, 1)
            await bench.add(*dead, events=["slow.*"])
            transport.hold()
            await bench.keep("s1", "s2", name="slow.one")
            worker.wake()
            await transport.arrived(4)
            await bench.deliveries()
            assert sorted(transport.in_flight.values()) == [0, 1, 1, 1]

            await bench.keep("m2", "m3")
            worker.wake()
            await transport.arrived(6)
            assert transport.in_flight[URL] == 2
            transport.release()
            await bench.finished(State.DELIVERED, 11)


async def test_lost_lease_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Another attempt is under way; that of the slow one is written down, no more."""
    transport = FakeTransport({URL: [204, 503]})

    async with opened(transport) as bench:
        await bench.add("one", timeout=20)
        await bench.keep("m1")
        transport.hold()

        with caplog.at_level(logging.WARNING, "upcall"):
            async with bench.running():
                await transport.arrived(1)
                await bench.advance(51)
                await transport.arrived(2)
                transport.release()
                await bench.finished(State.WAITING, 1)

                while len(await bench.attempts(1)) < 2:
                    await checkpoint()

        (row,) = await bench.deliveries()

    assert (row.state, row.attempts) == (State.WAITING, 2)
    assert "an attempt ended after its lease was lost" in caplog.text
    assert "claims of workers that are gone were taken back" in caplog.text


async def test_worker_survives_an_outbox_that_fails(tmp_path: Path) -> None:
    """It tells, waits longer and longer, and goes on when it can."""
    path = tmp_path / "outbox.db"

    async with opened(url=f"sqlite:///{path}") as bench:
        await bench.add("one")

        async with bench.running() as worker:
            path.rename(tmp_path / "gone.db")

            while len(bench.reported) < 3:
                worker.wake()
                await checkpoint()

            (tmp_path / "gone.db").rename(path)
            await bench.keep("m1")
            worker.wake()
            await bench.finished(State.DELIVERED, 1)

    assert {type(error).__name__ for error in bench.reported} == {"OutboxError"}


async def test_outcome_that_cannot_be_written_is_attempted_again(
    tmp_path: Path,
) -> None:
    """A duplicate, but no loss: the lease ends."""
    path = tmp_path / "outbox.db"

    async with opened(url=f"sqlite:///{path}") as bench:
        await bench.add("one")
        await bench.keep("m1")
        bench.transport.hold()

        async with bench.running() as worker:
            await bench.transport.arrived(1)
            path.rename(tmp_path / "gone.db")
            bench.transport.release()

            while not bench.reported:
                await checkpoint()

            (tmp_path / "gone.db").rename(path)
            bench.clock.advance(60)
            worker.wake()
            await bench.finished(State.DELIVERED, 1)

    assert len(bench.transport.sent) == 2
    assert len({sent.id for sent in bench.transport.sent}) == 1


async def test_claims_that_were_not_begun_are_given_back() -> None:
    """Stopped between the claim and the request: that was no attempt."""
    async with opened() as bench:
        await bench.add("one")
        await bench.keep("m1")
        worker = bench.worker()
        claim = bench.outbox.store.claim

        def claim_and_stop(*args: Any, **options: Any) -> Any:
            worker.stop()
            return claim(*args, **options)

        bench.outbox.store.claim = claim_and_stop  # type: ignore[method-assign]
        await worker.run()

        (row,) = await bench.deliveries()

    assert bench.transport.sent == []
    assert (row.state, row.attempts) == (State.WAITING, 0)


async def test_cancelled_worker_leaves_nothing_claimed() -> None:
    """What was under way lapses at once; it counts as an attempt."""
    async with opened() as bench:
        await bench.add("one")
        await bench.keep("m1")
        bench.transport.hold()

        async with anyio.create_task_group() as group:
            await group.start(bench.worker().run)
            await bench.transport.arrived()
            group.cancel_scope.cancel()

        (row,) = await bench.deliveries()

    assert (row.state, row.attempts) == (State.WAITING, 1)


async def test_clock_that_is_turned_back_stops_nothing() -> None:
    """What is due then waits for its time, and new messages are delivered."""
    async with opened() as bench:
        await bench.add("one")

        async with bench.running() as worker:
            bench.clock.advance(3600)
            await bench.deliveries()
            bench.clock._now -= 3600
            await bench.keep("m1")
            worker.wake()
            await bench.finished(State.DELIVERED, 1)


async def test_timeouts_wait_at_least_a_minute() -> None:
    """An endpoint that is overrun gets a rest."""
    transport = FakeTransport({URL: [TransportError("timeout", "too slow")]})

    async with opened(transport) as bench:
        await bench.add("one")
        await bench.keep("m1")

        async with bench.running():
            await transport.arrived(1)
            (row,) = await bench.finished(State.WAITING, 1)

            while row.reason is None:
                (row,) = await bench.deliveries()

    assert row.due == datetime.fromtimestamp(NOON + 60, UTC)
