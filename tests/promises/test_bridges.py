"""From other people's futures, and back."""

from __future__ import annotations

__all__ = ()

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio
from tests.promises.kinds import Boom, drained, outcome, turns

from upcall._loops.which import current_loop
from upcall._promises.promise import Promise
from upcall.errors import PromiseCancelledError, WrongLoopError


def on_asyncio() -> bool:
    """Tell whether this test runs there."""
    return "Asyncio" in type(current_loop()).__name__


class Foreign:
    """A future of some kind, and how to end it."""

    def __init__(self, kind: str) -> None:
        if kind == "asyncio":
            self.future: Any = asyncio.get_running_loop().create_future()
        elif kind == "concurrent":
            self.future = concurrent.futures.Future()
        else:
            self.future = anyio.Future()

    def fulfil(self, value: Any) -> None:
        if isinstance(self.future, anyio.Future):
            self.future.return_value = value
        else:
            self.future.set_result(value)

    def reject(self, error: BaseException) -> None:
        if isinstance(self.future, anyio.Future):
            self.future.exception = error
        else:
            self.future.set_exception(error)

    @property
    def cancelled(self) -> bool:
        if isinstance(self.future, anyio.Future):
            return self.future.status is anyio.Future.Status.CANCELLED

        return bool(self.future.cancelled())


KINDS = ["asyncio", "concurrent", "anyio"]


def make(kind: str) -> Foreign:
    """Make one, or skip where there is none."""
    if kind == "asyncio" and not on_asyncio():
        pytest.skip("futures of asyncio need its loop")

    return Foreign(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [False, True])
async def test_a_promise_of_a_future_ends_like_it(kind: str, *, before: bool) -> None:
    """Value and exception, whether the future has ended before or ends after."""
    error = Boom()

    for end in ("fulfil", "reject"):
        foreign = make(kind)
        thing = 1 if end == "fulfil" else error

        if before:
            getattr(foreign, end)(thing)

        promise = Promise.from_future(foreign.future)
        end_of_it = promise.then()
        end_of_it.catch(lambda _: None)
        await turns()

        if not before:
            assert promise.state == "pending"
            getattr(foreign, end)(thing)

        expected = ("fulfilled", 1) if end == "fulfil" else ("rejected", error)
        assert await outcome(end_of_it) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_future_cancels_the_promise(kind: str) -> None:
    """With our error, not its own."""
    foreign = make(kind)
    promise = Promise.from_future(foreign.future)
    await turns()
    foreign.future.cancel()

    with pytest.raises(PromiseCancelledError):
        await promise


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_promise_cancels_the_future(kind: str) -> None:
    """It was made for it; by its consumers as well."""
    foreign = make(kind)
    promise = Promise.from_future(foreign.future)
    await turns()
    promise.then().cancel()
    await turns()

    assert promise.state == "rejected"
    assert foreign.cancelled


async def test_a_future_ended_in_a_thread_wakes_the_loop() -> None:
    """As those of an executor are."""
    go = threading.Event()

    def work() -> int:
        go.wait(5)
        return 8

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        promise = Promise.from_future(executor.submit(work))
        await turns()
        assert promise.state == "pending"
        go.set()

        with anyio.fail_after(5):
            assert await promise == 8


def test_a_future_that_outlives_the_loop_is_let_go() -> None:
    """Nobody is left who could hear of it."""
    future: concurrent.futures.Future[int] = concurrent.futures.Future()

    async def main() -> Promise[int]:
        return Promise.from_future(future)

    promise = asyncio.run(main())
    other = trio.run(main)
    future.set_result(1)

    assert (promise.state, other.state) == ("pending", "pending")


async def test_a_promise_of_a_task() -> None:
    """Of asyncio and of anyio: the task is cancelled with it."""
    ended: list[str] = []

    async def work(name: str, turns_: int) -> str:
        try:
            await turns(turns_)
            return name
        finally:
            ended.append(name)

    if on_asyncio():
        assert await Promise.from_future(asyncio.create_task(work("a", 3))) == "a"
        task = asyncio.create_task(work("b", 10_000))
        promise = Promise.from_future(task)
        await turns()
        promise.cancel()
        await turns()
        assert task.cancelled()

    async with anyio.create_task_group() as tasks:
        assert await Promise.from_future(tasks.start_soon(work, "c", 3)) == "c"
        handle: Any = tasks.start_soon(work, "d", 10_000)
        promise = Promise.from_future(handle)
        await turns()
        promise.cancel()

    assert ended[-2:] == ["c", "d"]


async def test_a_task_of_anyio_that_was_cancelled() -> None:
    """Is told as a cancelled promise."""
    async with anyio.create_task_group() as tasks:
        handle: Any = tasks.start_soon(anyio.sleep_forever)
        promise = Promise.from_future(handle)
        await turns()
        handle.cancel()

        with pytest.raises(PromiseCancelledError):
            await promise


async def test_other_awaitables_are_futures_enough() -> None:
    """And a promise is one already."""

    async def work() -> int:
        return 1

    promise = Promise.resolve(2)

    assert await Promise.from_future(work()) == 1
    assert Promise.from_future(promise) is promise


@pytest.mark.parametrize("bad", [5, None, len, object()])
async def test_what_is_no_future_is_refused(bad: Any) -> None:
    """With a list of what may be given."""
    with pytest.raises(TypeError, match="is no future: give one of asyncio"):
        Promise.from_future(bad)


async def test_a_future_of_another_loop_is_refused() -> None:
    """Its callbacks would run over there."""
    loop = asyncio.new_event_loop()
    future: asyncio.Future[int] = loop.create_future()

    with pytest.raises(WrongLoopError, match="belongs to another event loop"):
        Promise.from_future(future)

    loop.close()


async def test_to_asyncio_on_trio_is_refused() -> None:
    """With what to do instead."""
    if on_asyncio():
        return

    with pytest.raises(WrongLoopError, match="use to_concurrent"):
        Promise.resolve(1).to_asyncio()


TO: dict[str, Callable[[Promise[Any]], Any]] = {
    "asyncio": Promise.to_asyncio,
    "concurrent": Promise.to_concurrent,
    "anyio": Promise.to_anyio,
}


async def result(future: Any) -> Any:
    """Get the result of a future of any kind, unwrapped."""
    if isinstance(future, concurrent.futures.Future):
        return await anyio.to_thread.run_sync(future.result, 5)

    if isinstance(future, anyio.Future):
        await future.wait()

        if future.exception is not None:
            raise future.exception

        return future.return_value

    return await future


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [False, True])
async def test_a_future_of_a_promise_ends_like_it(kind: str, *, before: bool) -> None:
    """Value and reason."""
    make(kind)
    promise, resolve, _ = Promise[int].with_resolvers()
    failing, _, reject = Promise[int].with_resolvers()
    failing.catch(lambda _: None)
    error = Boom()

    if before:
        resolve(1)
        reject(error)

    futures = TO[kind](promise), TO[kind](failing)
    resolve(1)
    reject(error)

    assert await result(futures[0]) == 1

    with pytest.raises(Boom) as raised:
        await result(futures[1])

    assert raised.value is error


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_promise_cancels_its_future(kind: str) -> None:
    """So that whoever waits for it is told in its own way."""
    foreign = make(kind)
    promise = Promise[int].with_resolvers()[0]
    foreign.future = TO[kind](promise)
    await turns()
    promise.cancel()
    await turns()

    assert foreign.cancelled

    if kind == "concurrent":
        done, _ = concurrent.futures.wait([foreign.future], timeout=5)
        assert done == {foreign.future}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_future_gives_up_its_share(kind: str) -> None:
    """In the promise, as any consumer does."""
    make(kind)
    alone, shared = (Promise[int].with_resolvers()[0] for _ in range(2))
    shared.then()
    futures = TO[kind](alone), TO[kind](shared)
    await turns()

    for future in futures:
        future.cancel()

    await turns()
    assert (alone.state, shared.state) == ("rejected", "pending")


async def test_a_thread_may_cancel_a_concurrent_future() -> None:
    """The share is given up in the loop."""
    promise = Promise[int].with_resolvers()[0]
    future = promise.to_concurrent()
    await anyio.to_thread.run_sync(future.cancel)
    await turns()

    assert promise.state == "rejected"


async def test_a_cancelled_future_is_not_settled_again() -> None:
    """Though the promise goes on for others."""
    promise, resolve, _ = Promise[int].with_resolvers()
    futures: list[Any] = [promise.to_concurrent(), promise.to_anyio()]

    if on_asyncio():
        futures.append(promise.to_asyncio())

    await turns()
    resolve(1)

    for future in futures:
        future.cancel()

    assert await promise.then() == 1
    await turns()


@pytest.mark.parametrize("kind", KINDS)
async def test_stop_iteration_is_wrapped_where_a_future_refuses_it(kind: str) -> None:
    """Rule 32: `set_exception` would be a TypeError."""
    make(kind)
    error = StopIteration(1)

    with pytest.raises(RuntimeError) as raised:
        await result(TO[kind](Promise.reject(error)))

    assert raised.value.__cause__ is error


async def test_there_and_back() -> None:
    """A promise of a future of a promise."""
    promise = Promise.resolve(1)

    assert await Promise.from_future(promise.to_concurrent()) == 1
    assert await Promise.from_future(promise.to_anyio()) == 1

    if on_asyncio():
        assert await Promise.from_future(promise.to_asyncio()) == 1
        assert await asyncio.gather(promise.to_asyncio(), promise) == [1, 1]  # type: ignore[comparison-overlap]

    await drained()
