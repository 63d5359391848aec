"""Cancellation at every await: done or not done, never half, and nobody is left behind.

A piece of work is done again and again, and cancelled at its first scheduling point, at
its second, and so on, until it comes to its end before that.
"""

from __future__ import annotations

__all__ = ()

import itertools
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import CancelScope
from anyio.lowlevel import checkpoint
from tests.webhooks.bridges import make_bridge
from tests.webhooks.fakes import FakeTransport, make_endpoint
from tests.webhooks.faults.crew import open_store, stored_ids
from tests.webhooks.faults.retrying import Hurried
from tests.webhooks.outbox.conformance.verbs import NOON, do, make_keep

from upcall import Bus
from upcall.webhooks import Outbox, Worker
from upcall.webhooks.outbox.contract import Counts

MOST = 400
PATIENCE = 60.0

pytestmark = pytest.mark.timeout(300)


class Counted:
    """An awaitable that cancels a scope at the n-th time that its task is to wait."""

    def __init__(
        self, work: Awaitable[object], number: int, scope: CancelScope
    ) -> None:
        self._work = work
        self._number = number
        self._scope = scope

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        answer: Any = None
        error: BaseException | None = None

        for number in itertools.count(1):
            try:
                asked = steps.send(answer) if error is None else steps.throw(error)
            except StopIteration:
                return

            if number == self._number:
                self._scope.cancel()

            try:
                answer, error = (yield asked), None
            except BaseException as thrown:  # noqa: BLE001 (handed to the work)
                error = thrown


async def ended(work: Callable[[], Awaitable[object]], number: int) -> bool:
    """Do it, cancelled at that point; tell whether it came to its end before."""
    with anyio.fail_after(PATIENCE), CancelScope() as scope:
        await Counted(work(), number, scope)

    return not scope.cancel_called


def nobody_writes() -> bool:
    """Tell whether every outbox has ended its thread, or does so now."""
    threads = [t for t in threading.enumerate() if t.name == "upcall-outbox"]

    for each in threads:
        each.join(PATIENCE)

    return not any(each.is_alive() for each in threads)


async def counts(outbox: Outbox) -> Counts:
    """Count."""
    return await outbox.writer.perform(outbox.store.counts)


def check(path: Path, ids: set[str]) -> None:
    """See what is stored: these, each whole."""
    with open_store(f"sqlite:///{path}") as store:
        assert set(stored_ids(store)) == ids
        assert do(store, store.check, now=NOON) == []


async def test_emission_cancelled_anywhere_is_settled_by_its_id(tmp_path: Path) -> None:
    """And is stored once, whether it was stored or not."""
    path = tmp_path / "outbox.db"
    outbox = Outbox(f"sqlite:///{path}")
    numbers = itertools.count(1)

    async with (
        Bus() as bus,
        make_bridge(bus, outbox, deliver=False) as bridge,
    ):
        await bridge.add(make_endpoint())
        done = False

        while not done:
            number = next(numbers)
            assert number < MOST
            key = f"m{number}"
            done = await ended(partial(bus.aemit, "order.paid", 1, id=key), number)
            before = (await counts(outbox)).waiting
            assert before in (number - 1, number)

            with anyio.fail_after(PATIENCE):
                await bus.aemit("order.paid", 1, id=key)

            assert (await counts(outbox)).waiting == number

        assert number > 1, "it has no await"

    check(path, {f"m{each}" for each in range(1, number + 1)})


async def test_emission_cancelled_at_any_turn_is_settled_by_its_id(
    tmp_path: Path,
) -> None:
    """While others emit, so that it shares commits with them: they are not harmed."""
    path = tmp_path / "outbox.db"

    async with (
        Bus() as bus,
        make_bridge(bus, f"sqlite:///{path}", deliver=False) as bridge,
    ):
        await bridge.add(make_endpoint())

        for turns in range(30):
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    scope = CancelScope()
                    group.start_soon(emit_in, scope, bus, f"c{turns}")
                    group.start_soon(emit_in, CancelScope(), bus, f"o{turns}")

                    for _ in range(turns):
                        await checkpoint()

                    scope.cancel()

                await bus.aemit("order.paid", 1, id=f"c{turns}")

    check(path, {f"{name}{turns}" for name in "co" for turns in range(30)})


async def emit_in(scope: CancelScope, bus: Bus, key: str) -> None:
    """Emit in a scope of its own."""
    with scope:
        await bus.aemit("order.paid", 1, id=key)


async def test_worker_cancelled_anywhere_leaves_nothing_claimed() -> None:
    """And whoever is next delivers the rest."""
    outbox = Outbox("sqlite://")
    await outbox.open()

    try:
        endpoint = make_endpoint(concurrency=5, schedule=[0] * 900)
        await outbox.writer.perform(outbox.store.add, endpoint, now=NOON)

        for number in range(1, 25):
            transport = FakeTransport()
            keep = make_keep(f"m{number}")
            await outbox.writer.perform_in_bulk(outbox.store.keep, keep)
            worker = Worker(outbox, transport=transport, clock=Hurried())
            assert not await ended(worker.run, number)
            assert (await counts(outbox)).claimed == 0

        last = Worker(outbox, transport=FakeTransport(), clock=Hurried())

        async with anyio.create_task_group() as group:
            await group.start(last.run)

            with anyio.fail_after(PATIENCE):
                while (await counts(outbox)).delivered < 24:
                    await checkpoint()

            last.stop()
    finally:
        await outbox.close()

    assert nobody_writes()


@pytest.mark.parametrize("deliver", [False, True])
async def test_bridge_cancelled_anywhere_keeps_what_it_accepted(
    tmp_path: Path, *, deliver: bool
) -> None:
    """From its opening to its end; it leaves no thread, and the file can be opened."""
    path = tmp_path / "outbox.db"
    accepted: set[str] = set()

    async def use(key: str) -> None:
        async with (
            Bus() as bus,
            make_bridge(bus, f"sqlite:///{path}", deliver=deliver) as bridge,
        ):
            await bridge.add(make_endpoint())
            await bus.aemit("order.paid", 1, id=key)
            accepted.add(key)
            bus.emit("order.paid", 2)

    done = False

    for number in range(1, MOST):
        done = await ended(partial(use, f"m{number}"), number)
        assert nobody_writes()

        if done:
            break

    assert done

    with open_store(f"sqlite:///{path}") as store:
        assert accepted <= set(stored_ids(store))
        assert do(store, store.counts).claimed == 0
        assert do(store, store.check, now=NOON) == []
