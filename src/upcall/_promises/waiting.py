"""Awaiting a promise."""

# Awaiting one that is settled does not yield to the loop, as with a future of asyncio;
# `aemit` does not either. Who awaits in a long loop adds a checkpoint of their own.
# One that is pending is awaited by a listener like any other: in its order among the
# handlers, and as a consumer while it waits. Cancelling the awaiting task takes the
# listener back, and does nothing to the promise.

from __future__ import annotations

__all__ = ("wait",)

from collections.abc import Generator
from typing import Any

from .cell import (
    Cell,
    heed,
    home_of,
    is_pending,
    is_rejected,
    listen,
    trace_of,
    unlisten,
    value_of,
)


def wait(cell: Cell[Any]) -> Generator[Any, Any, Any]:
    """Wait for a cell; give its value, or raise its reason itself.

    Raises:
        WrongLoopError: if it belongs to another loop.
    """
    home = home_of(cell)

    if is_pending(cell) or not home.loop.is_here():
        home.check_loop()

    if is_pending(cell):
        yield from _wait(cell)
    else:
        heed(cell)

    if not is_rejected(cell):
        return value_of(cell)

    try:
        raise value_of(cell).with_traceback(trace_of(cell))
    finally:
        del cell  # it is in the traceback of the reason, and the reason in it


def _wait(cell: Cell[Any]) -> Generator[Any, Any, None]:
    waiter = home_of(cell).loop.waiter()
    wake = waiter.wake
    listen(cell, wake)

    try:
        yield from waiter.__await__()
    finally:
        unlisten(cell, wake)
