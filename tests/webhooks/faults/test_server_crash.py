"""PostgreSQL killed and started again, while events are stored and delivered.

Who stores is told that it failed, and does not know whether it did. Tried again with
the same id it is stored once. Workers go on by themselves.
"""

from __future__ import annotations

__all__ = ()

import time
from collections.abc import Iterator
from random import Random

import anyio
import pytest
from anyio.to_thread import run_sync
from tests.webhooks.bridges import make_bridge
from tests.webhooks.fakes import FakeTransport, make_endpoint
from tests.webhooks.faults.crew import ROUNDS, open_store, stored_ids
from tests.webhooks.faults.retrying import Hurried, Retrying, drained, received
from tests.webhooks.outbox.conformance.verbs import do, make_keep
from tests.webhooks.postgres import Postgres

from upcall import Bus
from upcall.webhooks import Outbox, Worker
from upcall.webhooks.outbox.contract import StorageError

CRASHES = max(2, ROUNDS // 2)
EMITTERS = 5

pytestmark = [
    pytest.mark.usefixtures("short_leases"),
    pytest.mark.timeout(300 + 60 * CRASHES),
]


@pytest.fixture
def mortal(postgres: Postgres) -> Iterator[Postgres]:
    """Give the server, to be killed; whoever comes later finds it running."""
    yield postgres

    if not postgres.runs:
        postgres.start()


def accepted(emitters: list[Retrying]) -> int:
    """Count what was accepted."""
    return sum(len(each.accepted) for each in emitters)


class Machine:
    """A process that only stores, and two workers with connections of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.transport = FakeTransport()
        self.workers = [
            Worker(Outbox(url), transport=self.transport, clock=Hurried())
            for _ in range(2)
        ]

    async def crash(self, server: Postgres, emitters: list[Retrying]) -> None:
        """Kill the server while all of them are busy, and start it again."""
        dice = Random()

        async with anyio.create_task_group() as group:
            for each in emitters:
                group.start_soon(each.emit_many, 40)

            goal = accepted(emitters) + dice.randrange(60)

            while accepted(emitters) < goal:  # noqa: ASYNC110 (nobody tells us)
                await anyio.sleep(0.001)

            await run_sync(server.kill)
            await anyio.sleep(dice.random() / 10)
            await run_sync(server.start)


async def test_crash_of_the_server_loses_nothing(
    mortal: Postgres, postgres_url: str
) -> None:
    """And stores nothing twice."""
    machine = Machine(postgres_url)
    outbox = Outbox(postgres_url)

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, clock=Hurried(), deliver=False) as bridge,
        anyio.create_task_group() as group,
    ):
        await bridge.add(make_endpoint(concurrency=20, timeout=1, schedule=[0.01] * 50))
        emitters = [Retrying(bus, f"e{number}") for number in range(EMITTERS)]

        for worker in machine.workers:
            await group.start(worker.run)

        for _ in range(CRASHES):
            await machine.crash(mortal, emitters)

        await drained(outbox)

        for worker in machine.workers:
            worker.stop()

    check(machine, emitters)


def test_lost_connection_is_no_trouble_between_transactions(
    mortal: Postgres, postgres_url: str
) -> None:
    """Others are not told then; they look by themselves."""
    with open_store(postgres_url) as store:
        do(store, store.add, make_endpoint(), now=time.time())
        do(store, store.keep, [make_keep("m1", now=time.time())])
        assert store.fresh
        mortal.kill()

        for _ in range(2):
            with pytest.raises(StorageError, match="see that the server runs"):
                do(store, store.changes)

            store.announce()
            assert not store.peek()
            assert not store.fresh

        mortal.start()
        assert do(store, store.changes) == 1


def check(machine: Machine, emitters: list[Retrying]) -> None:
    """Count."""
    accepted = {key for each in emitters for key in each.accepted}
    refused = {key for each in emitters for key in each.refused}
    found = received(machine.transport)

    with open_store(machine.url) as store:
        ids = stored_ids(store)
        assert do(store, store.check, now=time.time()) == []

    assert len(accepted) == EMITTERS * 40 * CRASHES
    assert sorted(ids) == sorted(accepted)
    assert set(found) == accepted
    assert refused, "nobody noticed that the server was gone"
    print(  # noqa: T201
        f"{CRASHES} crashes: {len(accepted)} accepted, {len(refused)} tried again, "
        f"{found.total() - len(found)} delivered twice"
    )
