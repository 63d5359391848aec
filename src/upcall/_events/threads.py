"""Emitting into a bus from other threads."""

from __future__ import annotations

__all__ = ("emit_from_thread",)

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from upcall.errors import (
    BusNotOpenError,
    CallbackCancelledError,
    NoRunningLoopError,
)

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
        background.start(_emit(background, future, run, payload, id))


def _closed() -> BusNotOpenError:
    return BusNotOpenError("the bus was closed before this was done")


async def _emit(
    background: Background,
    future: Future[list[Any]],
    run: Run,
    payload: object,
    id: str | None,
) -> None:
    try:
        values = await emission.aemit(run, payload, id)
    except Exception as error:  # noqa: BLE001 (handed to whoever waits)
        future.set_exception(error)
    except anyio.get_cancelled_exc_class():
        if not background.is_cancelled():
            future.set_exception(
                CallbackCancelledError("it ended cancelled; nobody cancelled it")
            )
            return

        future.set_exception(_closed())
        raise
    except BaseException:
        future.set_exception(_closed())
        raise
    else:
        future.set_result(values)
