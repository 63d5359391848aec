"""Failures of background callbacks, and where they go."""

from __future__ import annotations

__all__ = ()

import asyncio
import functools
import logging
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.events.fakes import settle

from upcall import (
    Bus,
    CallbackCancelledError,
    CallbackErrors,
    Signal,
)
from upcall._events.inside import hub_of


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


async def afailing(_: object) -> None:
    """An async callback that fails."""
    raise ValueError("afailing")


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


@pytest.mark.parametrize("options", [{}, {"priority": 1}, {"overlap": "queue"}])
@pytest.mark.parametrize("sequential", [False, True])
def test_lone_callback_that_cancels_itself_does_not_end_who_awaits_it(
    options: dict[str, Any],
    *,
    sequential: bool,
) -> None:
    """It runs in the caller's task, who might take the cancellation for their own."""

    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        bus = Bus()
        signals = Signal[None]("a", sequential=sequential), bus.signal("a")
        bus.signal("a", sequential=sequential)

        for signal in signals:
            signal.on(cancelled, **options)

            with pytest.raises(CallbackErrors) as caught:
                await signal.aemit()

            (error,) = caught.value.exceptions
            assert isinstance(error, CallbackCancelledError)
            assert isinstance(error.__cause__, asyncio.CancelledError)
            assert "cancelled" in error.__notes__[0]

    asyncio.run(main())


def test_cancellation_of_a_library_that_does_not_run_comes_out_bare() -> None:
    """It is no failure that we could tell of: nothing here knows what it means."""
    signal = Signal[None]("a")

    @signal.on()
    async def mistaken(_: None) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        anyio.run(signal.aemit, backend="trio")


def plainly(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Make tasks as a task factory does; native children cannot be had then."""
    return asyncio.Task(coroutine, loop=loop, **options)


@pytest.mark.parametrize("factory", [None, plainly])
def test_background_callback_that_cancels_itself_is_told_in_every_kind_of_loop(
    factory: Any,
) -> None:
    """Those with a task factory too."""
    told: list[Exception] = []

    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)

        async with Bus(on_error=lambda error, *_: told.append(error)) as bus:
            bus.on("a", cancelled)
            bus.emit("a")

    asyncio.run(main())

    assert [type(error) for error in told] == [CallbackCancelledError]


async def test_on_error_raise_raises_all_that_failed() -> None:
    """Those too that failed while the others were being ended."""

    async def fails_as_it_ends(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise KeyError("as it ends")

    with pytest.raises(CallbackErrors) as caught:
        async with Bus(on_error="raise") as bus:
            bus.on("a", fails_as_it_ends)
            bus.on("b", afailing)
            bus.emit("a")
            await settle()
            bus.emit("b")

    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]


async def test_block_that_fails_while_it_is_ended_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its own error comes out bare; that which ended it is logged."""
    with pytest.raises(KeyError):
        async with Bus(on_error="raise") as bus:
            bus.on("a", afailing)
            bus.emit("a")

            try:
                await anyio.sleep_forever()
            finally:
                raise KeyError("block")

    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], CallbackErrors)


async def test_on_error_raise_works_again_in_a_bus_that_is_opened_again() -> None:
    """Nothing of the first time is left."""
    bus = Bus(on_error="raise")
    bus.on("a", afailing)

    for _ in range(2):
        with pytest.raises(CallbackErrors) as caught:
            async with bus:
                bus.emit("a")

        assert len(caught.value.exceptions) == 1


async def test_report_hands_a_failure_to_on_error() -> None:
    """For those who work for a bus, as bridges do."""
    told: list[tuple[object, ...]] = []
    error = ValueError("reported")

    async with Bus(on_error=lambda *args: told.append(args)) as bus:
        hub_of(bus).report(error, None, None)

    assert told == [(error, None, None)]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupt_in_a_background_callback_comes_out_bare(
    loop: str, kind: type[BaseException]
) -> None:
    """It ends the block and the others, and nothing is left behind."""
    ended: list[str] = []

    async def endless(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async def interrupted(_: object) -> None:
        raise kind

    async def main() -> None:
        async with Bus() as bus:
            bus.on("a", endless)
            bus.on("b", interrupted)
            bus.emit("a")
            await settle()
            bus.emit("b")
            await anyio.sleep_forever()

    with pytest.raises(kind):
        anyio.run(main, backend=loop)

    assert ended == ["endless"]


async def test_sequential_background_goes_on_after_failures() -> None:
    """Each is told with its own subscription; those before it are raised."""
    told: list[object] = []
    heard: list[object] = []

    async with Bus(on_error=lambda _, who, __: told.append(who)) as bus:
        bus.signal("a", sequential=True)
        bus.on("a", failing)
        first = bus.on("a", afailing)
        second = bus.on("a", failing)
        bus.on("a", heard.append)

        with pytest.raises(CallbackErrors) as caught:
            bus.emit("a", 1)

        assert len(caught.value.exceptions) == 1
        assert heard == []

    assert told == [first, second]
    assert heard == [1]


def test_sequential_background_goes_on_after_one_that_cancels_itself() -> None:
    """That is a failure like others."""
    told: list[Exception] = []
    heard: list[object] = []

    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        async with Bus(on_error=lambda error, *_: told.append(error)) as bus:
            bus.signal("a", sequential=True)
            bus.on("a", cancelled)
            bus.on("a", heard.append)
            bus.emit("a", 1)

    asyncio.run(main())

    assert [type(error) for error in told] == [CallbackCancelledError]
    assert heard == [1]


def test_sync_callback_that_raises_a_cancellation_has_failed() -> None:
    """It asked a cancelled future, say; nobody cancelled the emission."""
    bus = Bus()
    heard: list[object] = []

    def asks(_: object) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        future.result()

    async def main() -> None:
        bus.on("a", asks)
        bus.on("a", heard.append)

        for sequential in (False, True):
            bus.signal("a", sequential=sequential)

            with pytest.raises(CallbackErrors) as caught:
                await bus.aemit("a", 1)

            (error,) = caught.value.exceptions
            assert isinstance(error, CallbackCancelledError)

    asyncio.run(main())

    assert heard == [1, 1]


async def test_async_callback_that_cannot_be_called_fails_alone() -> None:
    """Its signature may lie, as a wrapper's does."""
    bus = Bus()
    heard: list[object] = []

    def honest(payload: object) -> None:
        """Take one argument."""

    @functools.wraps(honest)
    async def liar() -> None:
        """Take none."""

    async def hear(payload: object) -> None:
        heard.append(payload)

    callbacks: list[Any] = [liar, hear, liar]

    for callback in callbacks:
        bus.on("a", callback)

    with pytest.raises(CallbackErrors) as caught:
        await bus.aemit("a", 1)

    assert [type(error) for error in caught.value.exceptions] == [TypeError] * 2
    assert heard == [1]
