"""What becomes of the failures of callbacks: notes that say who, and one group."""

from __future__ import annotations

__all__ = ("as_failure", "failed", "noted", "refused")

import sys

from upcall.errors import BusNotOpenError, CallbackCancelledError, CallbackErrors

from .kinds import describe, place_of
from .subscribed import Subscribed

_DEPTH = 8
"""How deep groups of our own may nest before we stop adding levels."""


def noted(error: Exception, callback: object, name: str) -> Exception:
    """Add a note that names the callback, its place and the event, once."""
    note = f"in callback {describe(callback)} ({place_of(callback)})"
    note += f", event {name!r}" if name else ""

    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)

    return error


def as_failure(error: BaseException) -> Exception:
    """Turn what a sync callback raised into its failure, or let it out bare.

    A sync callback cannot be cancelled from outside while an event loop runs it, so a
    cancellation that comes out of one (of a future that it asked, say) is a failure.
    Outside of a loop (in a worker thread) it may well be ours, and goes on.

    Raises:
        BaseException: KeyboardInterrupt, SystemExit and the like.
    """
    if isinstance(error, Exception):
        return error

    if _is_cancellation(error) and _in_asyncio():
        failure = CallbackCancelledError(
            "it raised a cancellation; nobody cancelled it"
        )
        failure.__cause__ = error
        return failure

    raise error


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _in_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 (documented for libraries)


def failed(errors: list[Exception], name: str) -> CallbackErrors:
    """Make one group of the failures of an emission.

    An emission that feeds itself until the stack is full would nest as many groups;
    beyond a few levels the inner failures are taken as they are.

    Args:
        errors: the failures. The list is emptied: the frames that they came through
            know it, and so they would keep each other, and the payload.
        name: what the event is called.
    """
    flat: list[Exception] = []

    for error in errors:
        deep = isinstance(error, CallbackErrors) and _depth(error) >= _DEPTH
        flat.extend(_leaves(error) if deep else [error])

    count = len(errors)
    text = "1 callback failed" if count == 1 else f"{count} callbacks failed"

    errors.clear()

    return CallbackErrors(f"{text} for {name!r}" if name else text, flat)


def _depth(error: BaseException) -> int:
    depth = 0

    while isinstance(error, CallbackErrors):
        depth += 1
        error = error.exceptions[0]

    return depth


def _leaves(error: Exception) -> list[Exception]:
    found: list[Exception] = []
    todo = [error]

    while todo:
        one = todo.pop()

        if isinstance(one, CallbackErrors):
            todo.extend(reversed(one.exceptions))
        else:
            found.append(one)

    return found


def refused(callback: object, name: str) -> BusNotOpenError:
    """Say that a callback needs a bus where there is none."""
    target = callback.target if isinstance(callback, Subscribed) else callback
    event = f" for {name!r}" if name else ""
    who = (
        f"an emission{event} in the background"
        if callback is None
        else f"the async callback {describe(target)} ({place_of(target)}){event}"
    )

    return BusNotOpenError(
        f"{who} needs an open bus to run in, and this signal belongs to none: await "
        "aemit instead, or use Signal(..., bus=bus) and open the bus"
    )
