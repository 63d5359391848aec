"""Emitting into a bus from other threads."""

from __future__ import annotations

__all__ = ("emit_from_thread",)

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from upcall.errors import BusNotOpenError, NoRunningLoopError

from . import emission
from .background import Background
from .calls import Run

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future


def emit_from_thread(
    background: Background,
    run: Run,
    payload: object,
    id: str | None,
) -> Future[list[Any]]:
    """Begin an awaited emission in the bus's loop, with the caller's context.

    Raises:
        BusNotOpenError: the loop has ended.
    """
    from concurrent.futures import Future  # noqa: PLC0415 (see above)

    future: Future[list[Any]] = Future()
    background.expect(future)

    try:
        begin = partial(_begin, background, future, run, payload, id)
        background.loop.call_soon_threadsafe(copy_context().run, begin)
    except NoRunningLoopError as error:
        background.expected(future)
        raise BusNotOpenError("the event loop of this bus has ended") from error

    return future


def _begin(
    background: Background,
    future: Future[list[Any]],
    run: Run,
    payload: object,
    id: str | None,
) -> None:
    """Start the emission, in the loop, unless somebody has cancelled it."""
    if background.expected(future) and future.set_running_or_notify_cancel():
        background.start(_emit(future, run, payload, id))


async def _emit(
    future: Future[list[Any]],
    run: Run,
    payload: object,
    id: str | None,
) -> None:
    try:
        values = await emission.aemit(run, payload, id)
    except Exception as error:  # noqa: BLE001 (handed to whoever waits)
        future.set_exception(error)
    except BaseException:
        future.set_exception(BusNotOpenError("the bus was closed before this was done"))
        raise
    else:
        future.set_result(values)
