"""Awaiting promises: rules 37 to 42."""

from __future__ import annotations

__all__ = ()

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio
from tests.promises.kinds import Boom, drained, later, make_rejected, turns

from upcall._promises.promise import Promise
from upcall.errors import NoRunningLoopError, PromiseCancelledError, WrongLoopError


@pytest.mark.parametrize("when", ["already", "immediately", "eventually"])
async def test_await_gives_the_value_or_raises_the_reason_itself(when: str) -> None:
    """Rule 37: not wrapped in anything."""
    error = Boom()
    promise, resolve, _ = Promise[int].with_resolvers()
    later(resolve, 1)

    assert await promise == 1

    with pytest.raises(Boom) as raised:
        await make_rejected(error, when)

    assert raised.value is error


async def test_any_number_may_await_at_any_time() -> None:
    """Rule 38."""
    promise, resolve, _ = Promise[int].with_resolvers()
    got: list[int] = []

    async def waits() -> None:
        got.append(await promise)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(waits)

        await turns()
        resolve(1)
        resolve(2)

    await waits()
    assert got == [1] * 11


async def test_a_cancelled_awaiter_harms_nobody() -> None:
    """Rule 38: asyncio's future would be cancelled with it."""
    promise, resolve, _ = Promise[int].with_resolvers()
    got: list[int] = []

    async def waits() -> None:
        got.append(await promise)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waits)
        await turns()

        with anyio.CancelScope() as scope:
            scope.cancel()
            await promise

        assert scope.cancelled_caught
        assert promise.state == "pending"
        resolve(1)

    assert got == [1]


async def test_an_awaiter_cancelled_as_it_is_woken_harms_nobody() -> None:
    """Rule 38: in the same turn, the one or the other comes first."""
    for first in ("resolve", "cancel"):
        promise, resolve, _ = Promise[int].with_resolvers()

        async with anyio.create_task_group() as tasks:

            async def waits(promise: Promise[int] = promise) -> None:
                await promise

            tasks.start_soon(waits)
            await turns()

            if first == "resolve":
                resolve(1)
                tasks.cancel_scope.cancel()
            else:
                tasks.cancel_scope.cancel()
                resolve(1)

        assert await promise == 1


async def test_a_cancelled_promise_never_raises_the_loops_cancellation() -> None:
    """Rule 39: a task group would take that for the end of the task, without error."""
    promise, _, _ = Promise[int].with_resolvers()

    with pytest.raises(ExceptionGroup) as raised:
        async with anyio.create_task_group() as tasks:

            async def waits() -> None:
                await promise

            tasks.start_soon(waits)
            await turns()
            promise.cancel()

    assert raised.group_contains(PromiseCancelledError)
    assert issubclass(PromiseCancelledError, Exception)


async def test_awaiting_what_is_settled_does_not_yield() -> None:
    """Rule 40: our choice, as with asyncio's futures."""
    log: list[str] = []
    settled = Promise.resolve(1)
    await drained()
    later(log.append, "turn", turns=1)

    assert await settled == 1
    assert log == []


async def test_awaiting_what_is_pending_can_be_cancelled() -> None:
    """Rule 40: there it is a checkpoint."""
    promise, _, _ = Promise[int].with_resolvers()

    with anyio.move_on_after(0) as scope:
        await promise

    assert scope.cancelled_caught


async def test_await_handles_a_rejection(unhandled: list[Any]) -> None:
    """Rule 41."""
    promise, _, reject = Promise[int].with_resolvers()
    later(reject, Boom())

    with pytest.raises(Boom):
        await promise

    await drained()
    assert unhandled == []


async def test_awaiters_and_handlers_are_served_in_order() -> None:
    """Rule 41: the job of an awaiter is in the queue with the others."""
    promise, resolve, _ = Promise[int].with_resolvers()
    order: list[str] = []

    async def waits(name: str) -> None:
        await promise
        order.append(name)

    async with anyio.create_task_group() as tasks:
        promise.then(lambda _: order.append("a"))
        tasks.start_soon(waits, "c")
        await turns()
        promise.then(lambda _: order.append("b"))
        await tasks.start(_started, waits, "d")
        resolve(1)

    # On trio, tasks that are woken together run in no particular order.
    assert order[:2] == ["a", "b"]
    assert sorted(order) == ["a", "b", "c", "d"]


async def _started(
    function: Callable[[str], Any], name: str, *, task_status: Any
) -> None:
    task_status.started()
    await function(name)


RUNS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),
    "trio": trio.run,
}


@pytest.mark.parametrize("first", RUNS)
@pytest.mark.parametrize("second", RUNS)
def test_a_promise_belongs_to_one_loop(first: str, second: str) -> None:
    """Rule 42: in another one every call is an error that says what to do."""

    async def makes() -> Any:
        kept = Promise[int].with_resolvers()
        settled = Promise.resolve(1)
        await settled
        return (*kept, settled)

    promise, resolve, reject, settled = RUNS[first](makes)

    async def uses() -> None:
        for use in (
            promise.then,
            settled.then,
            lambda: promise.catch(print),
            lambda: promise.finally_(print),
            lambda: promise.tap(print),
            promise.shield,
            promise.cancel,
            promise.to_concurrent,
            lambda: promise.timeout(1),
            lambda: promise.delay(1),
            lambda: resolve(1),
            lambda: reject(Boom()),
        ):
            with pytest.raises(WrongLoopError, match="belongs to another event loop"):
                use()

        for waited in (promise, settled):
            with pytest.raises(WrongLoopError):
                await waited

        with pytest.raises(WrongLoopError):
            await Promise.all([settled])

        with pytest.raises(WrongLoopError):
            await Promise.resolve(0).then(lambda _: settled)

    RUNS[second](uses)

    for use in (promise.then, promise.cancel, lambda: resolve(1)):
        with pytest.raises(NoRunningLoopError):
            use()

    assert promise.state == "pending"
    assert settled.state == "fulfilled"


async def test_a_promise_is_not_settled_from_another_thread() -> None:
    """Rule 42: only by way of the loop."""
    promise, resolve, _ = Promise[int].with_resolvers()
    raised: list[BaseException] = []

    def thread() -> None:
        uses: list[Any] = [lambda: resolve(1), promise.then, promise.cancel]

        for use in uses:
            try:
                use()
            except RuntimeError as error:
                raised.append(error)

    await anyio.to_thread.run_sync(thread)

    assert [type(error) for error in raised] == [NoRunningLoopError] * 3
    assert promise.state == "pending"


async def test_a_thread_with_a_loop_of_its_own_is_told_too() -> None:
    """Rule 42: there, another loop runs."""
    promise, resolve, _ = Promise[int].with_resolvers()
    raised: list[BaseException] = []

    async def elsewhere() -> None:
        try:
            resolve(1)
        except WrongLoopError as error:
            raised.append(error)

        assert await Promise.resolve(2).then(lambda value: value + 1) == 3

    await anyio.to_thread.run_sync(lambda: asyncio.run(elsewhere()))
    await anyio.to_thread.run_sync(lambda: trio.run(elsewhere))

    assert len(raised) == 2
    resolve(1)
    assert await promise == 1


async def test_a_thread_settles_by_way_of_the_loop() -> None:
    """Rule 42: and wakes it."""
    from upcall._loops.which import current_loop

    promise, resolve, _ = Promise[int].with_resolvers()
    loop = current_loop()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(resolve, 1))
    thread.start()

    with anyio.fail_after(5):
        assert await promise == 1

    thread.join()
