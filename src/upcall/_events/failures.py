"""What becomes of the failures of callbacks: notes that say who, and one group."""

from __future__ import annotations

__all__ = (
    "as_failure",
    "awaited_failure",
    "failed",
    "kind_of",
    "noted",
    "refused",
)

import sys
from typing import Literal

from upcall._loops.which import is_stray
from upcall.errors import BusNotOpenError, CallbackCancelledError, CallbackErrors

from .kinds import describe, place_of
from .options import DEFAULT
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


def awaited_failure(error: BaseException) -> Exception:
    """Turn what came out of an await in the running task into a failure, or let it out.

    A cancellation that nobody asked for (of another task that the callback awaits, say)
    is one: let out, it would pass for the caller's own, and end the caller silently.

    Raises:
        BaseException: the task's own cancellation, KeyboardInterrupt and the like.
    """
    if isinstance(error, Exception):
        return error

    if is_stray(error):
        failure = CallbackCancelledError("it ended cancelled; nobody cancelled it")
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
    """Tell how deep groups of our own nest here, up to the most that is allowed."""
    depth, level = 0, [error]

    while depth < _DEPTH:
        groups = [each for each in level if isinstance(each, CallbackErrors)]

        if not groups:
            break

        depth += 1
        level = [inner for group in groups for inner in group.exceptions]

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
    kind = kind_of(callback)
    target = callback.target if isinstance(callback, Subscribed) else callback
    event = f" for {name!r}" if name else ""
    who = (
        f"an emission{event} in the background"
        if callback is None
        else f"the {kind} callback {describe(target)} ({place_of(target)}){event}"
    )
    instead = "await aemit instead, or " if kind == "async" else ""

    return BusNotOpenError(
        f"{who} needs an open bus to run in, and this signal belongs to none: "
        f"{instead}use Signal(..., bus=bus) and open the bus"
    )


def kind_of(callback: object) -> Literal["async", "debounced", "throttled"]:
    """Tell why a callback runs in the background: `aemit` can do the first only."""
    options = callback.options if isinstance(callback, Subscribed) else DEFAULT

    if options.debounce is not None:
        return "debounced"

    return "async" if options.throttle is None else "throttled"
