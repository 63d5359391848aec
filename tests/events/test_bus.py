"""`Bus`: keys, the background, failures, opening and closing."""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import logging
import threading
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from upcall import (
    Bus,
    BusNotOpenError,
    CallbackCancelledError,
    CallbackErrors,
    Envelope,
    MalformedKeyError,
    UpcallError,
    WrongThreadError,
    event,
)


class Base:
    """A class of its own, and no event by name."""


@event("test.order.paid")
class OrderPaid(Base):
    """What most tests emit."""

    order_id: int


class Late(OrderPaid):
    """A subclass that was not decorated."""


async def nothing(_: object) -> None:
    """An async callback."""


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def afailing(_: object) -> None:
    """An async callback that fails."""
    raise ValueError("afailing")


# Keys


def test_event_reaches_class_bases_name_and_patterns_in_one_order() -> None:
    """Whatever the key, time of subscription decides."""
    heard: list[str] = []
    bus = Bus()
    for key in ("test.*.paid", Base, "test.order.paid", OrderPaid, "**", "test.**"):
        name = key if isinstance(key, str) else key.__name__
        bus.on(key, lambda _, name=name: heard.append(name))

    assert bus.emit(OrderPaid(1)) == 6
    assert heard == [
        "test.*.paid",
        "Base",
        "test.order.paid",
        "OrderPaid",
        "**",
        "test.**",
    ]


def test_subclass_has_the_name_of_the_nearest_decorated_class() -> None:
    """An undecorated subclass goes by its parent's name."""
    bus = Bus()
    bus.on("test.order.paid", lambda _: None)
    bus.on(OrderPaid, lambda _: None)
    bus.on(Late, lambda _: None)

    assert bus.emit(Late(1)) == 3
    assert bus.emit(OrderPaid(1)) == 2


def test_nameless_event_is_heard_by_class_and_by_everything() -> None:
    """Two stars are any number of segments, none included."""
    bus = Bus()
    bus.on("*", lambda _: None)
    bus.on("**", lambda _: None)
    bus.on(Base, lambda _: None)

    assert bus.emit(Base()) == 2


def test_name_with_payload() -> None:
    """No payload is None."""
    heard: list[object] = []
    bus = Bus()
    bus.on("order.*", heard.append)

    assert bus.emit("order.paid", 5) == 1
    assert bus.emit("order.paid") == 1
    assert heard == [5, None]


def test_pattern_that_matches_in_two_ways_is_called_once() -> None:
    """One subscription, one call; two subscriptions, two."""
    bus = Bus()
    bus.on("**.a.**", lambda _: None)
    assert bus.emit("a.a.a", 1) == 1

    bus.on("a.**", lambda _: None)
    assert bus.emit("a.a.a", 1) == 2


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (("order.*", 1), "is a pattern"),
        (("a..b", 1), "empty segment"),
        ((OrderPaid,), "is a class"),
        ((3,), "is a int"),
        (({},), "is a dict"),
        ((3, 4), "is no key"),
        (([], 4), "is no key"),
    ],
)
def test_emitting_what_is_no_event_is_refused(
    args: tuple[Any, ...], match: str
) -> None:
    """At the call, with what was given."""
    with pytest.raises(MalformedKeyError, match=match):
        Bus().emit(*args)


@pytest.mark.parametrize("key", [int, dict, 3, None, list[int], "ord*"])
def test_subscribing_to_what_is_no_key_is_refused(key: Any) -> None:
    """Before the decorator sees a function, too."""
    with pytest.raises(MalformedKeyError):
        Bus().on(key, print)
    with pytest.raises(MalformedKeyError):
        Bus().on(key)


def test_subscribing_and_ending_changes_the_plans_that_it_must() -> None:
    """Exact names, patterns, classes and bases; before and after an emission."""
    bus = Bus()

    for key in ("test.order.paid", "test.*.*", "**", OrderPaid, Base):
        assert bus.emit(OrderPaid(1)) == 0
        subscription = bus.on(key, lambda _: None)
        assert bus.emit(OrderPaid(1)) == 1
        subscription.cancel()

    assert bus.emit(OrderPaid(1)) == 0


def test_off_looks_at_its_own_key_only() -> None:
    """The same callback elsewhere stays."""
    bus = Bus()
    bus.on("a.b", print)
    bus.on("a.*", print)

    assert bus.off("a.*", print)
    assert not bus.off("a.*", print)
    assert [each.key for each in bus.subscriptions()] == ["a.b"]
    assert bus.subscriptions("a.*") == []


def test_plans_for_changing_names_are_bounded() -> None:
    """Names nobody is subscribed to by themselves do not pile up."""
    bus = Bus()
    heard: list[object] = []
    bus.on("user.*", heard.append)

    for i in range(5000):
        bus.emit(f"user.{i}", i)

    assert heard == list(range(5000))
    assert len(bus._runs) < 2000


def test_signal_of_a_bus_is_heard_by_all_of_the_bus() -> None:
    """It is the bus's event, under its own handle."""
    bus = Bus()
    heard: list[object] = []
    signal = bus.signal("order.paid")
    bus.on("order.*", heard.append)
    signal.on(heard.append)

    assert bus.signal("order.paid") is signal
    assert signal.emit(1) == 2
    assert bus.emit("order.paid", 2) == 2
    bus.on("**", heard.append)
    assert signal.emit(3) == 3


def test_signal_of_a_class_goes_by_the_class_of_the_payload() -> None:
    """A subclass reaches the subclass's subscribers."""
    bus = Bus()
    signal = bus.signal(OrderPaid)
    bus.on(Late, lambda _: None)
    signal.on(lambda _: None)

    assert signal.emit(OrderPaid(1)) == 1
    assert signal.emit(Late(1)) == 2
    with pytest.raises(MalformedKeyError, match="OrderPaid"):
        signal.emit(Base())  # type: ignore[arg-type]


# Awaited emissions


async def test_aemit_gives_the_values_sync_ones_first() -> None:
    """Each in the order of subscription."""
    bus = Bus()

    async def later(x: int) -> str:
        await anyio.lowlevel.checkpoint()
        return f"async {x}"

    bus.on("a", later)
    bus.on("a", lambda x: f"sync {x}")
    bus.on("a", later)

    assert await bus.aemit("a", 1) == ["sync 1", "async 1", "async 1"]


async def test_aemit_to_nobody_gives_nothing() -> None:
    """The empty case."""
    assert await Bus().aemit("a", 1) == []


async def test_aemit_runs_async_callbacks_at_the_same_time() -> None:
    """Each waits for the other here, and it ends all the same."""
    bus = Bus()
    first, second = anyio.Event(), anyio.Event()

    async def one(_: object) -> None:
        first.set()
        await second.wait()

    async def other(_: object) -> None:
        second.set()
        await first.wait()

    bus.on("a", one)
    bus.on("a", other)

    await bus.aemit("a")


async def test_aemit_awaits_what_a_sync_callback_returned() -> None:
    """A coroutine is never dropped."""
    bus = Bus()

    async def work(x: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + 1

    bus.on("a", lambda x: work(x))

    assert await bus.aemit("a", 1) == [2]


async def test_aemit_collects_failures_of_every_kind() -> None:
    """All have run; each failure names its callback."""
    bus = Bus()
    heard: list[object] = []
    for callback in (failing, afailing, heard.append, afailing):
        bus.on("a", callback)

    with pytest.raises(CallbackErrors) as caught:
        await bus.aemit("a", 1)

    assert [str(error) for error in caught.value.exceptions] == [
        "failing",
        "afailing",
        "afailing",
    ]
    assert all("event 'a'" in e.__notes__[0] for e in caught.value.exceptions)
    assert heard == [1]


async def test_one_async_callback_runs_in_the_callers_task() -> None:
    """Its context changes are the caller's."""
    variable: ContextVar[int] = ContextVar("variable", default=0)
    bus = Bus()

    async def change(x: int) -> None:
        variable.set(x)

    bus.on("a", change)
    await bus.aemit("a", 1)

    assert variable.get() == 1


async def test_cancelled_aemit_cancels_and_awaits_its_callbacks() -> None:
    """Nothing is left behind, and cleaning up is waited for."""
    bus = Bus()
    log: list[str] = []

    async def callback(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                log.append("clean")

    bus.on("a", callback)
    bus.on("a", callback)

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(bus.aemit, "a")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert log == ["clean", "clean"]


async def test_timeout_around_an_aemit_reaches_the_callbacks() -> None:
    """They see its deadline."""
    bus = Bus()
    seen: list[bool] = []

    async def callback(_: object) -> None:
        seen.append(anyio.current_effective_deadline() < float("inf"))
        await anyio.sleep_forever()

    bus.on("a", callback)
    bus.on("a", callback)

    with anyio.move_on_after(0.01) as scope:
        await bus.aemit("a")

    assert scope.cancelled_caught
    assert seen == [True, True]


async def test_shield_in_a_callback_holds() -> None:
    """A cancelled aemit lets a shielded block end."""
    bus = Bus()
    saved: list[str] = []
    entered = anyio.Event()
    go_on = anyio.Event()

    async def callback(_: object) -> None:
        with anyio.CancelScope(shield=True):
            entered.set()
            await go_on.wait()
            saved.append("saved")
        await anyio.sleep_forever()

    bus.on("a", callback)
    bus.on("a", callback)

    async with anyio.create_task_group() as group:
        group.start_soon(bus.aemit, "a")
        await entered.wait()
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert saved == ["saved", "saved"]


async def test_sequential_signal_finishes_each_before_the_next() -> None:
    """Sync and async in one order."""
    bus = Bus()
    signal = bus.signal("a", sequential=True)
    log: list[str] = []

    async def slow(name: object) -> None:
        log.append("slow begins")
        await anyio.lowlevel.checkpoint()
        log.append("slow ends")

    signal.on(lambda _: log.append("first"))
    signal.on(slow)
    signal.on(lambda _: log.append("last"))

    await bus.aemit("a")
    assert log == ["first", "slow begins", "slow ends", "last"]

    log.clear()
    async with bus:
        assert bus.emit("a") == 3
        assert log == ["first"]
    assert log == ["first", "slow begins", "slow ends", "last"]


# The background


async def test_leaving_the_bus_waits_for_what_it_started() -> None:
    """No orphan tasks, and what they emit is taken."""
    heard: list[str] = []
    bus = Bus()

    async def first(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("first")
        bus.emit("b")

    async def second(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("second")

    bus.on("a", first)
    bus.on("b", second)

    async with bus:
        assert bus.emit("a") == 1
        assert heard == []

    assert heard == ["first", "second"]


async def test_emit_with_async_callback_on_a_closed_bus_calls_nobody() -> None:
    """Neither before it is opened nor after."""
    bus = Bus()
    heard: list[object] = []
    bus.on("a", heard.append)
    bus.on("a", nothing)

    for _ in range(2):
        with pytest.raises(BusNotOpenError, match="nothing"):
            bus.emit("a")
        async with bus:
            assert bus.emit("a") == 2

    assert len(heard) == 2


async def test_emit_soon_is_a_promise_of_the_values() -> None:
    """In the background, in order."""
    async with Bus() as bus:
        bus.on("a", lambda x: x + 1)

        assert await bus.emit_soon("a", 1) == [2]


async def test_emit_soon_on_a_closed_bus_raises_at_once() -> None:
    """Not later, in a promise."""
    with pytest.raises(BusNotOpenError):
        Bus().emit_soon("a")


async def test_failure_of_a_background_callback_goes_to_on_error() -> None:
    """With its subscription; once."""
    told: list[tuple[Exception, object, object]] = []

    async with Bus(on_error=lambda *args: told.append(args)) as bus:
        subscription = bus.on("a", afailing)
        bus.emit("a")

    ((error, who, envelope),) = told
    assert str(error) == "afailing"
    assert "afailing" in error.__notes__[0]
    assert who is subscription
    assert envelope is None


async def test_failure_is_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, on the logger ``upcall``."""
    async with Bus() as bus:
        bus.on("a", afailing)
        bus.emit("a")

    (record,) = caplog.records
    assert record.name == "upcall"
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


async def test_failing_on_error_is_logged_with_the_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither of the two is lost."""

    def on_error(*_: object) -> None:
        raise KeyError("on_error")

    async with Bus(on_error=on_error) as bus:
        bus.on("a", afailing)
        bus.emit("a")

    assert [r.exc_info[0] for r in caplog.records if r.exc_info] == [
        ValueError,
        KeyError,
    ]


async def test_on_error_raise_ends_the_block_and_the_others() -> None:
    """As a task group would."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    with pytest.raises(CallbackErrors) as caught:
        async with Bus(on_error="raise") as bus:
            bus.on("a", endless)
            bus.on("b", afailing)
            bus.emit("a")
            await started.wait()
            bus.emit("b")
            await anyio.sleep_forever()

    assert str(caught.value.exceptions[0]) == "afailing"
    assert ended == ["endless"]


async def test_ignored_emit_soon_that_fails_is_reported_once() -> None:
    """And one that is handled is not."""
    told: list[Exception] = []

    async with Bus(on_error=lambda error, *_: told.append(error)) as bus:
        bus.on("a", failing)
        bus.emit_soon("a")
        with pytest.raises(CallbackErrors):
            await bus.emit_soon("a")

    assert len(told) == 1


async def test_error_in_the_block_cancels_the_background_and_comes_out_bare() -> None:
    """Not in a group."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    with pytest.raises(KeyError):
        async with Bus() as bus:
            bus.on("a", endless)
            bus.emit("a")
            await started.wait()
            raise KeyError("block")

    assert ended == ["endless"]


async def test_grace_ends_what_runs_too_long() -> None:
    """After that it is cancelled, and waited for."""
    ended: list[str] = []

    async def endless(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with Bus(grace=0.01) as bus:
        bus.on("a", endless)
        bus.emit("a")

    assert ended == ["endless"]


async def test_cancelling_the_block_cancels_the_background() -> None:
    """From outside, while it waits."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with anyio.create_task_group() as group:

        async def block() -> None:
            async with Bus() as bus:
                bus.on("a", endless)
                bus.emit("a")

        group.start_soon(block)
        await started.wait()
        group.cancel_scope.cancel()

    assert ended == ["endless"]


async def test_drain_waits_and_leaves_the_bus_open() -> None:
    """A callback that drains is not waited for by itself."""
    heard: list[str] = []

    async with Bus() as bus:

        async def callback(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            await bus.drain()
            heard.append("done")

        bus.on("a", callback)
        bus.emit("a")
        await bus.drain()

        assert bus.is_open

    assert heard == ["done"]


async def test_opening_an_open_bus_is_refused() -> None:
    """It has one owner."""
    async with Bus() as bus:
        with pytest.raises(UpcallError, match="open already"):
            async with bus:
                pass


async def test_background_callbacks_see_the_emitters_context() -> None:
    """Copied, so nothing leaks back."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen: list[str] = []

    async with Bus() as bus:

        async def callback(_: object) -> None:
            seen.append(variable.get())
            variable.set("changed")

        bus.on("a", callback)
        variable.set("emitter")
        bus.emit("a")
        bus.emit_soon("a")
        await bus.drain()

    assert seen == ["emitter", "emitter"]
    assert variable.get() == "emitter"


async def test_run_is_a_task_of_the_bus() -> None:
    """Its result is a promise; cancelling that cancels the task."""
    ended: list[str] = []

    async def work(x: int) -> int:
        await anyio.lowlevel.checkpoint()
        return x + 1

    async def endless() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with Bus() as bus:
        assert await bus.run(work, 1) == 2
        promise = bus.run(endless)
        await anyio.wait_all_tasks_blocked()
        promise.cancel()

    assert ended == ["endless"]


def test_emit_from_loop_callbacks_under_plain_asyncio_run() -> None:
    """Protocols and signal handlers emit from there."""
    heard: list[int] = []

    async def main() -> None:
        async def callback(x: int) -> None:
            await asyncio.sleep(0)
            heard.append(x)

        async with Bus() as bus:
            bus.on("a", callback)
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            loop.call_soon(bus.emit, "a", 1)
            loop.call_soon(bus.emit_soon, "a", 2)
            loop.call_later(0, bus.emit, "a", 3)
            loop.call_later(0.001, done.set_result, None)
            await done

    asyncio.run(main())

    assert sorted(heard) == [1, 2, 3]


def test_two_loops_one_after_the_other() -> None:
    """Nothing of the first is left in the second."""
    bus = Bus()
    heard: list[int] = []

    async def callback(x: int) -> None:
        heard.append(x)

    bus.on("a", callback)

    async def main(x: int) -> None:
        async with bus:
            bus.emit("a", x)

    asyncio.run(main(1))
    anyio.run(main, 2, backend="trio")
    asyncio.run(main(3))

    assert heard == [1, 2, 3]


def test_callback_that_cancels_itself_is_a_failure() -> None:
    """Nobody had cancelled it: not a silent None."""

    async def main() -> None:
        async def cancelled(_: object) -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        bus = Bus()
        bus.on("a", cancelled)
        bus.on("a", cancelled)

        with pytest.raises(CallbackErrors) as caught:
            await bus.aemit("a")

        assert [type(e) for e in caught.value.exceptions] == [
            CallbackCancelledError
        ] * 2
        told: list[Exception] = []

        async with Bus(on_error=lambda error, *_: told.append(error)) as open_bus:
            open_bus.on("a", cancelled)
            open_bus.emit("a")

        assert [type(error) for error in told] == [CallbackCancelledError]

    asyncio.run(main())


# Threads


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


# Envelopes


def test_envelope_has_id_name_payload_time_and_cause() -> None:
    """One for all who ask, with the id that was given."""
    bus = Bus()
    heard: list[Envelope[Any]] = []
    bus.on("a", heard.append, envelope=True)
    bus.on("*", heard.append, envelope=True)

    bus.emit("a", 5, id="mine")

    one, other = heard
    assert one is other
    assert (one.id, one.name, one.payload, one.cause) == ("mine", "a", 5, None)
    assert one.time.utcoffset() is not None
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.id = "x"  # type: ignore[misc]


async def test_cause_is_the_nearest_emission_with_an_envelope() -> None:
    """Through sync, async and background callbacks."""
    heard: list[Envelope[Any]] = []

    async with Bus(trace=True) as bus:

        async def later(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            bus.emit("c")

        bus.on("a", lambda _: bus.emit("b"))
        bus.on("b", later)
        bus.on("**", heard.append, envelope=True)
        bus.emit("a")

    ids = {envelope.name: envelope.id for envelope in heard}
    causes = {envelope.name: envelope.cause for envelope in heard}
    assert causes == {"a": None, "b": ids["a"], "c": ids["b"]}


def test_statistics_count() -> None:
    """On the fast path too, and across changes of subscriptions."""
    bus = Bus()
    bus.on("a", lambda _: None)
    for _ in range(3):
        bus.emit("a")
    bus.on("a", lambda _: None, when=lambda x: x)
    bus.emit("a", False)
    bus.emit("a", True)
    with pytest.raises(CallbackErrors):
        bus.on("b", failing)
        bus.emit("b")

    found = bus.statistics()

    assert (found.emissions, found.calls, found.failures) == (6, 7, 1)
    assert (found.running, found.waiting, found.subscriptions) == (0, 0, 3)


def test_a_hundred_thousand_subscriptions() -> None:
    """Over ten thousand names, each emitted."""
    bus = Bus()
    count = 0

    def hear(_: object) -> None:
        nonlocal count
        count += 1

    for i in range(10_000):
        for _ in range(10):
            bus.on(f"n{i}", hear)
    for i in range(10_000):
        bus.emit(f"n{i}")

    assert count == 100_000
    gc.collect()
