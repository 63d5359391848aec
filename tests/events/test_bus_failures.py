"""Failures of background callbacks, and where they go."""

from __future__ import annotations

__all__ = ()

import asyncio
import logging

import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    CallbackCancelledError,
    CallbackErrors,
)


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
