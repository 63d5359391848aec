"""Values that come later: asyncio's futures, a promise chain, streams."""

from __future__ import annotations

__all__ = ("VALUES",)

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio
from benchmarks.loops import Start
from benchmarks.styles.job import (
    IN_FLIGHT,
    Job,
    Listener,
    OrderPaid,
    Style,
    Way,
    each_waits,
)

from upcall import Bus, Promise, Stream

Done = Callable[["asyncio.Future[OrderPaid]"], object]


@asynccontextmanager
async def _futures(job: Job) -> AsyncGenerator[Way]:
    """Make a future per event, give it a callback per listener, and set its result.

    Who has to wait starts a native task, and does not wait. A future is for one event:
    its callbacks are subscribed each time.
    """
    make = asyncio.get_running_loop().create_future

    async with job.loop.tasks() as start:
        callbacks = [_done(listener, start) for listener in job.listeners]

        def emit() -> None:
            order = job.pay()
            future = make()

            for callback in callbacks:
                future.add_done_callback(callback)

            future.set_result(order)

        async def one() -> None:
            emit()

        async def many(number: int) -> None:
            for _ in range(number):
                emit()

        yield Way(one=one, many=many, at_once=IN_FLIGHT)


def _done(listener: Listener, start: Start) -> Done:
    function: Callable[[Any], Any] = listener.function

    if listener.waits:
        return lambda future: start(function, future.result())

    return lambda future: function(future.result())


@asynccontextmanager
async def _promise_chain(job: Job) -> AsyncGenerator[Way]:
    """Make a promise per event, chain a link per listener, resolve it, await the end.

    A promise is for one event, as a future is. Each link has the listener before it
    behind it.
    """
    make = Promise[OrderPaid].with_resolvers
    functions = [listener.function for listener in job.listeners]

    async def one() -> None:
        order = job.pay()
        last, resolve, _ = make()

        for function in functions:
            last = last.then(function)

        resolve(order)
        await last

    yield each_waits(one)


@asynccontextmanager
async def _streams(job: Job) -> AsyncGenerator[Way]:
    """Give each listener a stream and a task that reads it; emit with back-pressure."""
    async with anyio.create_task_group() as group, AsyncExitStack() as opened:
        bus = await opened.enter_async_context(Bus())

        for listener in job.listeners:
            stream = bus.stream(OrderPaid, capacity=IN_FLIGHT, overflow="block")
            group.start_soon(
                _consume, await opened.enter_async_context(stream), listener
            )

        yield each_waits(lambda: bus.aemit(job.pay()))
        group.cancel_scope.cancel()


async def _consume(stream: Stream[OrderPaid], listener: Listener) -> None:
    function = listener.function

    if listener.waits:
        async for order in stream:
            await function(order)
    else:
        async for order in stream:
            function(order)


VALUES: Final = (
    Style(
        name="asyncio futures",
        open=_futures,
        held="each",
        absent={"trio": "there are no futures of asyncio on trio"},
    ),
    Style(name="promise chain", open=_promise_chain, held="first"),
    Style(name="stream consumers", open=_streams, held="buffered"),
)
