"""What the core says on its logger: all of it in the text, for plain formats too."""

from __future__ import annotations

__all__ = ()

import asyncio
import logging
from typing import NoReturn

import anyio
import anyio.lowlevel
import pytest
from tests.events.fakes import settle

from upcall import Bus, Envelope, EventEmitter, Promise

HERE = "test_log_lines.py"


async def failing(_: object) -> NoReturn:
    """Fail in the background."""
    raise ValueError("boom")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what a format of nothing but ``%(message)s`` shows."""
    return [record.getMessage() for record in caplog.records]


def holds(line: str, *parts: str) -> bool:
    """Tell whether a line has all of these in it, and is one line."""
    return all(part in line for part in parts) and "\n" not in line


async def test_log_line_names_callback_place_and_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who reads it knows where to look."""
    async with Bus() as bus:
        bus.on("order.*", failing)
        bus.emit("order.paid")

    (line,) = lines(caplog)
    assert holds(line, "boom", "failing", HERE, "'order.paid'")
    assert "envelope" not in line


async def test_log_line_names_the_envelope_where_there_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its id, as in the extra of the record."""
    async with Bus() as bus:
        bus.on("order.paid", failing, envelope=True)
        bus.emit("order.paid", id="id-7")

    (line,) = lines(caplog)
    assert holds(line, "failing", HERE, "'order.paid'", "envelope id-7")
    assert vars(caplog.records[0])["upcall_envelope"] == "id-7"


async def test_log_line_of_an_ignored_promise_names_the_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its failure is a group: each part of it has its callback."""
    async with Bus() as bus:
        bus.on("order.paid", failing)
        bus.emit_soon("order.paid")

    (line,) = lines(caplog)
    assert holds(line, "1 callback failed", "'order.paid'", "boom")


async def test_log_line_of_a_failing_on_error_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Beside the line of the failure that it was given."""

    def broken(_: Exception, __: object, ___: Envelope[object] | None) -> NoReturn:
        raise KeyError("on_error")

    async with Bus(on_error=broken) as bus:
        bus.on("a", failing)
        bus.emit("a")

    first, second = lines(caplog)
    assert holds(first, "boom", "failing", HERE)
    assert holds(second, "on_error", "broken", HERE)


async def test_log_line_of_a_listener_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An emitter with a bus has the bus tell of what nobody else hears."""
    async with Bus() as bus:
        emitter = EventEmitter(bus=bus, capture_rejections=False)
        emitter.on("order.paid", failing)
        emitter.emit("order.paid", None)

    (line,) = lines(caplog)
    assert holds(line, "boom", "failing", HERE, "'order.paid'")


def test_log_line_on_trio_shows_the_promise(caplog: pytest.LogCaptureFixture) -> None:
    """As asyncio's own handler does."""

    async def main() -> None:
        Promise.reject(ValueError("boom"))
        await anyio.lowlevel.checkpoint()

    anyio.run(main, backend="trio")

    (line,) = lines(caplog)
    assert holds(line, "nobody handles it", "promise: <Promise rejected")


def test_log_line_of_a_late_handler_shows_the_promise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So that it can be told which of the complaints is settled."""
    caplog.set_level(logging.INFO, "upcall")

    async def main() -> None:
        promise: Promise[None] = Promise.reject(ValueError("boom"))
        await settle()
        promise.catch(lambda _: None)

    asyncio.run(main())

    assert holds(lines(caplog)[-1], "handled after all", "<Promise rejected")
