"""What others were measured to get wrong: each once, done right."""

# The library and what it did stand beside each test. Where another file has the test
# already, it is not here: order, isolation of failures, awaited emissions, weak
# methods that die during an emission, threads.

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import threading

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, CallbackErrors, EventEmitter, Signal


def test_on_and_once_of_the_same_callback_are_two_subscriptions() -> None:
    """pyee: `on(f)` and then `once(f)` called f once in all of two emissions."""
    signal, heard = Signal[int]("a"), list[int]()
    signal.on(heard.append)
    signal.once(heard.append)

    signal.emit(1)
    signal.emit(2)

    assert heard == [1, 1, 2]


def test_cancelling_a_once_leaves_the_others_of_the_same_callback() -> None:
    """pymitter: once on a function that was on() too removed both."""
    signal, heard = Signal[int]("a"), list[int]()
    signal.on(heard.append)
    once = signal.once(heard.append)

    once.cancel()
    signal.emit(1)

    assert heard == [1]


def test_error_listener_that_fails_itself_is_no_recursion() -> None:
    """pyee: RecursionError."""
    emitter = EventEmitter()

    def fails(error: Exception) -> None:
        raise ValueError("the listener for errors")

    emitter.on("error", fails)

    with pytest.raises(Exception, match="the listener for errors") as caught:
        emitter.emit("error", KeyError("the first"))

    assert not isinstance(caught.value, RecursionError)


async def test_drain_waits_for_what_callbacks_emit_again() -> None:
    """pyee: `wait_for_complete` came back with a handler still pending."""
    heard: list[int] = []

    async with Bus() as bus:

        @bus.on("a")
        async def again(payload: int) -> None:
            await anyio.lowlevel.checkpoint()

            if payload:
                bus.emit("a", payload - 1)

            heard.append(payload)

        bus.emit("a", 5)
        await bus.drain()

        assert sorted(heard) == [0, 1, 2, 3, 4, 5]


async def test_emission_from_a_thread_wakes_an_idle_loop() -> None:
    """pyee: heard when the loop next woke up by itself; eventkit: never."""
    heard = anyio.Event()

    async with Bus() as bus:
        bus.on("a", lambda _: heard.set())
        go_on = threading.Event()

        def work() -> None:
            go_on.wait(10)
            bus.emit_threadsafe("a")

        thread = threading.Thread(target=work)
        thread.start()

        with anyio.fail_after(30):  # what the loop would sleep for otherwise
            go_on.set()
            await heard.wait()

        thread.join()


async def test_sync_and_async_callbacks_go_together_on_every_loop() -> None:
    """pyee: TypeError with trio; blinker: RuntimeError; aiosignal: TypeError."""
    signal = Signal[int]("a")

    async def later(payload: int) -> int:
        await anyio.lowlevel.checkpoint()
        return payload

    signal.on(lambda payload: payload)
    signal.on(later)

    assert await signal.aemit(1) == [1, 1]


async def test_cancelled_awaiter_leaves_no_callback_running() -> None:
    """Pyee and bubus: it went on to its end."""
    bus, work = Bus(), Worker()
    bus.on("a", work)
    bus.on("a", work)

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a", 1)
        await settle()
        group.cancel_scope.cancel()

    assert work.log == ["+1", "+1", "x1", "x1"]


async def test_failing_callback_leaves_no_other_running() -> None:
    """Django and pymitter: the others went on as orphan tasks."""
    bus, work = Bus(), Worker()
    bus.on("a", lambda _: 1 / 0)
    bus.on("a", work)
    work.let_go(1)

    with pytest.raises(CallbackErrors):
        await bus.aemit("a", 1)

    assert work.log == ["+1", "-1"]


@pytest.mark.parametrize("seed", range(20))
def test_callbacks_run_in_the_order_of_their_subscription(seed: int) -> None:
    """blinker: in none of 20 runs."""
    signal, heard = Signal[int]("a"), list[int]()

    for i in range(8):
        signal.on(lambda _, i=i: heard.append(i))  # type: ignore[misc]

    signal.emit(seed)

    assert heard == list(range(8))


def test_lambda_that_nobody_else_holds_is_called() -> None:
    """blinker: never, for it held it weakly."""
    signal, heard = Signal[int]("a"), list[int]()
    signal.on(lambda payload: heard.append(payload))  # noqa: PLW0108 (dies by itself)
    gc.collect()

    signal.emit(1)

    assert heard == [1]


def test_subscription_of_an_inner_block_ends_alone() -> None:
    """blinker: leaving it removed an earlier connection, or unmuted the outer one."""
    signal, heard = Signal[int]("a"), list[int]()

    with signal.on(heard.append) as outer:
        outer.pause()

        with signal.on(heard.append):
            signal.emit(1)

        signal.emit(2)
        outer.resume()
        signal.emit(3)

    assert heard == [1, 3]


def test_object_with_an_async_call_is_no_dropped_coroutine() -> None:
    """blinker: `send` returned it un-awaited."""

    class Listener:
        """Callable, and async."""

        async def __call__(self, payload: int) -> int:
            return payload

    signal = Signal[int]("a")
    signal.on(Listener())

    assert asyncio.run(signal.aemit(1)) == [1]


async def test_one_slow_callback_holds_up_no_other() -> None:
    """psygnal: one queue for all async slots, and one worker."""
    async with Bus() as bus:
        slow, quick = Worker(), Worker()
        bus.on("slow", slow)
        bus.on("quick", quick)
        quick.let_go(1)

        bus.emit("slow", 1)
        bus.emit("slow", 2)
        bus.emit("quick", 1)
        await settle()

        assert quick.log == ["+1", "-1"]
        slow.let_go(1, 2)


def test_second_run_of_a_loop_is_as_good_as_the_first() -> None:
    """psygnal: nothing was delivered in it, and nothing raised."""
    bus, heard = Bus(), list[int]()

    async def callback(payload: int) -> None:
        heard.append(payload)

    async def main(payload: int) -> None:
        async with bus:
            bus.emit("a", payload)

    bus.on("a", callback)

    for payload in (1, 2):
        asyncio.run(main(payload))

    assert heard == [1, 2]


async def test_burst_of_emissions_is_taken_whole() -> None:
    """bubus: RuntimeError at the fiftieth."""
    heard: list[int] = []

    async with Bus() as bus:

        @bus.on("a")
        async def callback(payload: int) -> None:
            heard.append(payload)

        for i in range(1000):
            bus.emit("a", i)

    assert sorted(heard) == list(range(1000))


async def test_buses_wait_for_nobody_elses_callbacks() -> None:
    """bubus: a handler of one bus delayed events of an unrelated one."""
    slow, quick, work = Bus(), Bus(), Worker()
    slow.on("a", work)
    quick.on("a", lambda payload: payload)

    async with anyio.create_task_group() as group:
        group.start_soon(slow.aemit, "a", 1)
        await settle()
        assert await quick.aemit("a", 2) == [2]
        work.let_go(1)


def test_subscribing_after_emitting_is_fine() -> None:
    """aiosignal: it is frozen by then; pymitter: the second `on` was dropped."""
    signal, heard = Signal[int]("a"), list[int]()
    signal.emit(0)

    for _ in range(3):
        signal.on(heard.append)
        signal.emit(len(heard))

    assert heard == [0, 1, 1, 3, 3, 3]


def test_ending_what_has_ended_is_no_error() -> None:
    """pyee: a KeyError, swallowed by asyncio."""
    signal = Signal[int]("a")
    subscription = signal.on(print)

    assert signal.off(print)
    assert not signal.off(print)
    assert not subscription.cancel()


async def test_normal_shutdown_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """pyee: cancelled handlers were told of as errors."""
    with pytest.raises(KeyError):
        async with Bus() as bus:
            bus.on("a", Worker())
            bus.emit("a", 1)
            await settle()
            raise KeyError("block")

    assert caplog.records == []
