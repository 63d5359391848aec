"""A bus and other threads than its own."""

from __future__ import annotations

__all__ = ()

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.events.fakes import settle

from upcall import (
    Bus,
    BusNotOpenError,
    CallbackCancelledError,
    CallbackErrors,
    MalformedKeyError,
    Signal,
    WrongThreadError,
)
from upcall._events.owner import Owner


async def nothing(_: object) -> None:
    """An async callback."""


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def test_emit_threadsafe_carries_values_and_errors() -> None:
    """From any thread, and it wakes an idle loop."""
    async with Bus() as bus:

        async def double(x: int) -> int:
            return 2 * x

        bus.on("a", double)
        bus.on("b", failing)

        def work() -> list[Any]:
            return bus.emit_threadsafe("a", 4).result(5)

        assert await anyio.to_thread.run_sync(work) == [8]
        with pytest.raises(CallbackErrors):
            await anyio.to_thread.run_sync(lambda: bus.emit_threadsafe("b").result(5))


async def test_many_threads_at_once() -> None:
    """Every emission is heard."""
    heard: list[int] = []

    async with Bus() as bus:

        async def hear(x: int) -> None:
            heard.append(x)

        bus.on("a", hear)

        def work(n: int) -> None:
            for future in [bus.emit_threadsafe("a", n * 50 + i) for i in range(50)]:
                future.result(10)

        async with anyio.create_task_group() as group:
            for n in range(4):
                group.start_soon(anyio.to_thread.run_sync, work, n)

    assert sorted(heard) == list(range(200))


async def test_emit_of_async_callbacks_from_another_thread_is_refused() -> None:
    """The error names what to use."""
    async with Bus() as bus:
        bus.on("a", nothing)

        with pytest.raises(WrongThreadError, match="emit_threadsafe"):
            await anyio.to_thread.run_sync(bus.emit, "a")


async def test_emit_threadsafe_on_a_closed_bus_raises_at_once() -> None:
    """There is nobody who would take it."""
    bus = Bus()
    with pytest.raises(BusNotOpenError):
        bus.emit_threadsafe("a")
    async with bus:
        pass
    with pytest.raises(BusNotOpenError):
        bus.emit_threadsafe("a")


async def test_emission_sent_before_the_bus_closes_is_made() -> None:
    """What is on its way counts as work."""
    heard: list[object] = []
    bus = Bus()
    bus.on("a", heard.append)

    async with bus:
        thread = threading.Thread(
            target=lambda: futures.append(bus.emit_threadsafe("a"))
        )
        futures: list[Any] = []
        thread.start()
        thread.join()

    assert futures[0].result(0) == [None]
    assert heard == [None]


async def test_emission_sees_the_context_of_the_thread_that_sent_it() -> None:
    """A copy of it."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async with Bus() as bus:
        bus.on("a", lambda _: variable.get())

        def work() -> list[Any]:
            variable.set("thread")
            return bus.emit_threadsafe("a").result(5)

        assert await anyio.to_thread.run_sync(work) == ["thread"]


async def test_emission_that_is_cancelled_before_it_began_is_not_made() -> None:
    """Afterwards it is too late."""
    heard: list[int] = []

    async with Bus() as bus:
        bus.on("a", heard.append)
        cancelled = bus.emit_threadsafe("a", 1)
        made = bus.emit_threadsafe("a", 2)

        assert cancelled.cancel()
        await bus.drain()
        assert not made.cancel()

    assert heard == [2]


async def test_wrong_key_is_refused_in_the_thread_that_gave_it() -> None:
    """At the call."""
    async with Bus() as bus:
        with pytest.raises(MalformedKeyError):
            bus.emit_threadsafe("a.*")


async def test_emission_under_way_is_told_if_the_bus_is_cancelled() -> None:
    """Its future does not stay open for ever."""
    with pytest.raises(KeyError):
        async with Bus() as bus:

            @bus.on("a")
            async def endless(_: object) -> None:
                await anyio.sleep_forever()

            future = bus.emit_threadsafe("a")
            await settle()
            raise KeyError("block")

    with pytest.raises(BusNotOpenError, match="closed"):
        future.result(0)


async def test_emission_on_its_way_is_told_if_the_bus_is_cancelled() -> None:
    """It could not begin any more."""
    with pytest.raises(KeyError):
        async with Bus() as bus:
            future = bus.emit_threadsafe("a")
            raise KeyError("block")

    with pytest.raises(BusNotOpenError, match="closed"):
        future.result(0)


def test_callback_that_cancels_itself_has_failed_there_too() -> None:
    """The bus is not closed, and says nothing of the kind."""

    async def main() -> None:
        async with Bus() as bus:

            @bus.on("a")
            async def cancelled(_: object) -> None:
                raise asyncio.CancelledError

            future = bus.emit_threadsafe("a")
            await bus.drain()

            with pytest.raises(CallbackErrors) as caught:
                future.result(0)

            (error,) = caught.value.exceptions
            assert isinstance(error, CallbackCancelledError)

            assert bus.is_open

    asyncio.run(main())


def test_bus_whose_loop_has_ended_says_so() -> None:
    """Somebody has opened it by hand, and never left it."""
    bus = Bus()
    asyncio.run(bus.__aenter__())

    with pytest.raises(BusNotOpenError, match="loop of this bus has ended"):
        bus.emit_threadsafe("a")


async def test_subscriptions_may_change_in_other_threads_while_it_emits() -> None:
    """Whoever was subscribed all the time hears everything."""
    bus = Bus()
    heard: list[int] = []
    bus.on("a", heard.append)

    def change() -> None:
        for _ in range(100):
            with bus.on("a", lambda _: None), bus.on("*", lambda _: None):
                pass

    def emit() -> None:
        for i in range(200):
            bus.emit("a", i)

    async with anyio.create_task_group() as group:
        for work in (change, emit, change, emit):
            group.start_soon(anyio.to_thread.run_sync, work)

    assert sorted(heard) == sorted([*range(200)] * 2)
    assert len(bus.subscriptions()) == 1


def test_subscription_that_comes_while_a_signal_plans_is_not_missed() -> None:
    """The plan it finds must not be an older one than it keeps."""
    heard: list[int] = []
    listener = "a", heard.append
    threads: list[threading.Thread] = []

    class Slow(Owner):
        """Somebody subscribes just as it has planned."""

        def run_of(self, key: Any) -> Any:
            run = super().run_of(key)

            if not threads:
                threads.append(threading.Thread(target=bus.on, args=listener))
                threads[0].start()
                threads[0].join(0.05)

            return run

    bus = Bus()
    bus._hub = Slow()
    signal = Signal[int]("a", bus=bus)
    signal.emit(1)
    threads[0].join()
    signal.emit(2)

    assert heard == [2]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_interrupt_ends_the_bus_and_leaves_no_future_open(loop: str) -> None:
    """Whoever waits in another thread is told."""
    futures: list[Any] = []

    async def main() -> None:
        async with Bus() as bus:

            @bus.on("a")
            async def interrupted(_: object) -> None:
                raise KeyboardInterrupt

            futures.append(bus.emit_threadsafe("a"))
            await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=loop)

    with pytest.raises(BusNotOpenError):
        futures[0].result(0)
