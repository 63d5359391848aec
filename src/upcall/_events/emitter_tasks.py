"""The async listeners of an emitter: where they run, and where their failures go."""

# With a bus, the bus owns them. Without one they are tasks of the running loop, which
# holds them. Who cannot have either is told so before anything has been called.
# A failure is handed to the emitter, which emits it as an ``error``. What fails then,
# or may not be handed over, goes where the failures of background work go: to the
# bus's ``on_error``, or to the loop (its exception handler on asyncio, the logger
# ``upcall`` on trio). It never goes round twice.

from __future__ import annotations

__all__ = ("check_background", "start")

from collections.abc import Callable, Hashable
from inspect import iscoroutine
from typing import Any

from upcall._loops.which import current_loop, is_stray
from upcall.errors import (
    BusNotOpenError,
    CallbackCancelledError,
    NoRunningLoopError,
    WrongThreadError,
)

from .emitter_listeners import Listener, label, original, text_of
from .failures import noted
from .kinds import describe, is_awaitable, place_of
from .owner import Owner

Handler = Callable[[Exception], object]
"""What a failure is handed to; it may return an awaitable."""


def check_background(owner: Owner | None, listener: Listener, name: Hashable) -> None:
    """Raise unless this async listener can be started, here and now.

    Raises:
        BusNotOpenError: the bus is not open, or there is neither a bus nor a loop.
        WrongThreadError: this is not the bus's thread.
    """
    listener = original(listener)
    who = f"{describe(listener)} ({place_of(listener)}), a listener for {label(name)}"

    try:
        if owner is None:
            current_loop()
        else:
            owner.check_background(listener, label(name))
    except NoRunningLoopError:
        raise BusNotOpenError(
            f"{who}, is async, and no event loop runs in this thread: emit where one "
            "runs, or make the emitter with bus="
        ) from None
    except BusNotOpenError:
        raise BusNotOpenError(
            f"{who}, is async, and the bus of this emitter is not open: open it with "
            "`async with bus:`"
        ) from None
    except WrongThreadError:
        raise WrongThreadError(
            f"{who}, is async and runs in the thread of the emitter's bus: emit there "
            "(anyio.from_thread.run_sync(emitter.emit, ...) does)"
        ) from None


def start(
    owner: Owner | None,
    awaitable: Any,
    listener: Listener,
    name: Hashable,
    handle: Handler | None,
) -> None:
    """Await in the background what a listener has returned.

    Args:
        owner: the hub of the emitter's bus; None for the running loop.
        awaitable: what it has returned; closed, if it cannot be awaited anywhere.
        listener: the listener.
        name: the name of the event.
        handle: what a failure is handed to; None for the bus or the loop.

    Raises:
        BusNotOpenError: there is nobody to own it.
        WrongThreadError: the owner lives in another thread.
    """
    listener = original(listener)

    try:
        check_background(owner, listener, name)
        attended = _attend(awaitable, listener, name, handle)

        if owner is None:
            current_loop().spawn(attended)
        else:
            owner.start(attended, listener, None, text_of(name))
    except BaseException:
        if iscoroutine(awaitable):
            awaitable.close()

        raise


async def _attend(
    awaitable: Any, listener: Listener, name: Hashable, handle: Handler | None
) -> None:
    """Await it, and see to its failure."""
    try:
        await _ended(awaitable)
    except Exception as error:
        noted(error, listener, text_of(name))

        if handle is None:
            raise

        answer: Any = handle(error)

        if is_awaitable(answer):
            await answer


async def _ended(awaitable: Any) -> None:
    """Await it. That it ends cancelled though nobody cancelled it is a failure."""
    try:
        await awaitable
    except BaseException as error:
        if not is_stray(error):
            raise

        raise CallbackCancelledError("it ended cancelled; nobody did that") from error
