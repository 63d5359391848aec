"""Callbacks: called directly, sync, awaited, in the background, from a thread."""

from __future__ import annotations

__all__ = ("CALLBACKS",)

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio.to_thread
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

from upcall import Bus, Signal


@asynccontextmanager
async def _direct_call(job: Job) -> AsyncGenerator[Way]:
    """Call each listener by its name, and await those that wait."""
    pay = _written_out(job)
    yield each_waits(lambda: pay(job.pay()))


def _written_out(job: Job) -> Callable[[OrderPaid], Any]:
    """Write the function that calls all listeners, as one would by hand."""
    lines = [
        f" {'await ' if listener.waits else ''}f{place}(order)"
        for place, listener in enumerate(job.listeners)
    ]
    namespace: dict[str, Any] = {
        f"f{place}": listener.function for place, listener in enumerate(job.listeners)
    }
    exec("\n".join(["async def paid(order):", *lines]), namespace)
    paid: Callable[[OrderPaid], Any] = namespace["paid"]
    return paid


@asynccontextmanager
async def _sync_on_signal(job: Job) -> AsyncGenerator[Way]:
    """Emit on a signal; who has to wait starts a native task, and does not wait."""
    signal = Signal[OrderPaid]("order.paid")

    async with job.loop.tasks() as start:
        for listener in job.listeners:
            signal.on(_sync(listener, start))

        yield _in_bursts(lambda: signal.emit(job.pay()))


@asynccontextmanager
async def _sync_on_bus(job: Job) -> AsyncGenerator[Way]:
    """Emit on a bus that is not open; else the same."""
    bus = Bus()

    async with job.loop.tasks() as start:
        for listener in job.listeners:
            bus.on(OrderPaid, _sync(listener, start))

        yield _in_bursts(lambda: bus.emit(job.pay()))


def _sync(listener: Listener, start: Start) -> Callable[[OrderPaid], object]:
    function = listener.function
    return (lambda order: start(function, order)) if listener.waits else function


def _in_bursts(emit: Callable[[], object]) -> Way:
    """Make the way of an emit that waits for nothing: so many, then all are heard."""

    async def one() -> None:
        emit()

    async def many(number: int) -> None:
        for _ in range(number):
            emit()

    return Way(one=one, many=many, at_once=IN_FLIGHT)


@asynccontextmanager
async def _in_sequence(job: Job) -> AsyncGenerator[Way]:
    """Await an emission in which each listener is through before the next begins."""
    signal = Signal[OrderPaid]("order.paid", sequential=True)
    _subscribe(signal, job)
    yield each_waits(lambda: signal.aemit(job.pay()))


@asynccontextmanager
async def _concurrently(job: Job) -> AsyncGenerator[Way]:
    """Await an emission in which those that wait do so at the same time."""
    signal = Signal[OrderPaid]("order.paid")
    _subscribe(signal, job)
    yield each_waits(lambda: signal.aemit(job.pay()))


def _subscribe(signal: Signal[OrderPaid], job: Job) -> None:
    for listener in job.listeners:
        signal.on(listener.function)


@asynccontextmanager
async def _in_background(job: Job) -> AsyncGenerator[Way]:
    """Emit on an open bus, which runs what waits; many are followed by a drain."""
    async with Bus() as bus:
        for listener in job.listeners:
            bus.on(OrderPaid, listener.function)

        async def one() -> None:
            bus.emit(job.pay())

        async def many(number: int) -> None:
            for _ in range(number):
                bus.emit(job.pay())

            await bus.drain()

        yield Way(one=one, many=many, at_once=IN_FLIGHT)


@asynccontextmanager
async def _from_thread(job: Job) -> AsyncGenerator[Way]:
    """Emit from a thread, which waits for the future of each emission."""
    async with Bus() as bus:
        for listener in job.listeners:
            bus.on(OrderPaid, listener.function)

        def emit(number: int) -> None:
            futures = [bus.emit_threadsafe(job.pay()) for _ in range(number)]

            for future in futures:
                future.result()

        yield Way(
            one=lambda: anyio.to_thread.run_sync(emit, 1),
            many=lambda number: anyio.to_thread.run_sync(emit, number),
            at_once=IN_FLIGHT,
        )


CALLBACKS: Final = (
    Style(name="direct call", open=_direct_call, held="first"),
    Style(name="sync callbacks, Signal", open=_sync_on_signal, held="each"),
    Style(name="sync callbacks, Bus", open=_sync_on_bus, held="each"),
    Style(name="awaited callbacks, in sequence", open=_in_sequence, held="first"),
    Style(name="awaited callbacks, concurrently", open=_concurrently, held="each"),
    Style(name="background callbacks", open=_in_background, held="each"),
    Style(name="callbacks, emitted from a thread", open=_from_thread, held="each"),
)
