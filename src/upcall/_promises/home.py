"""A promise's home: its job queue, the owner of its tasks, and who hears of its end.

A promise has a home from the start, and hands it down to every promise made from it.
The default one is the event loop itself; a bus is another.
"""

from __future__ import annotations

__all__ = ("Home", "loop_home", "set_unhandled_rejection_hook")

from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeAlias

import attrs

from upcall._loops.jobs import JobQueue
from upcall._loops.loop import Handle, Loop
from upcall._loops.which import current_loop
from upcall.errors import WrongLoopError

from .arguments import check_function

RejectionHook: TypeAlias = Callable[[Any, BaseException], object]
LateHook: TypeAlias = Callable[[Any], object]


class Home:
    """Where promises live whose owner is the event loop. A bus makes its own kind.

    Attributes:
        loop: the event loop.
        jobs: its job queue.
    """

    __slots__ = ("__weakref__", "jobs", "loop")

    def __init__(self, loop: Loop) -> None:
        self.loop: Loop = loop
        self.jobs: JobQueue = loop.jobs

    def check_loop(self) -> None:
        """Make sure that the loop of this home runs here.

        Raises:
            WrongLoopError: if another loop does, or it runs in another thread.
            NoRunningLoopError: if no loop runs here.
        """
        if current_loop() is not self.loop:
            raise WrongLoopError(
                "this promise belongs to another event loop: use it there, by way of "
                "call_soon_threadsafe, or carry it over with to_concurrent()"
            )

    def spawn(self, coroutine: Coroutine[Any, Any, object], context: Context) -> Handle:
        """Run it in a task of this home.

        Args:
            coroutine: taken over: it is closed when the task is over, and when this
                raises. It settles its promise and raises no `Exception`; it lets pass
                a cancellation, `KeyboardInterrupt` and the like.
            context: the context to run it in.

        Raises:
            Exception: this home takes no tasks now. The promise that wanted the task
                is rejected with the error.
        """
        return self.loop.spawn(coroutine, context)

    def report(self, promise: Any, reason: BaseException) -> None:
        """Hear, at the end of the turn, of a rejection that nobody handles. Once."""
        if _hooks.unhandled is not None:
            _hooks.unhandled(promise, reason)
        else:
            text = "a promise was rejected, and nobody handles it (catch or await it)"
            self.loop.handle_exception(text, reason, promise=promise)

    def report_late(self, promise: Any) -> None:
        """Hear that a promise told to `report` is handled after all."""
        if _hooks.handled is not None:
            _hooks.handled(promise)
        else:
            import logging  # noqa: PLC0415 (`import upcall` is not to bring it)

            logging.getLogger("upcall").info(
                "a rejection that was told as unhandled is handled after all: %r",
                promise,
                extra={"upcall_promise": promise},
            )


def loop_home() -> Home:
    """Return the home of the promises that the running loop owns.

    Raises:
        NoRunningLoopError: if no loop runs in this thread.
    """
    loop = current_loop()
    home: Home | None = loop.local.get(Home)

    if home is None:
        home = loop.local[Home] = Home(loop)

    return home


def set_unhandled_rejection_hook(
    hook: RejectionHook | None, *, handled: LateHook | None = None
) -> None:
    """Choose who hears of rejected promises that nobody handles, in every loop.

    A promise is told of at the end of the turn, when the job queue has run empty, and
    once. Handling it hands the duty on to what `then` and the like have made of it.
    Cancelled promises are never told of, nor are those of a bus: they are told to the
    bus's ``on_error``. There is one hook for the process; it may be set in any thread.
    (After ECMAScript's HostPromiseRejectionTracker, 27.2.1.9.)

    Args:
        hook: called as ``hook(promise, reason)``, in the promise's loop. None restores
            the default: the loop's exception handler on asyncio, the logger ``upcall``
            on trio. An `Exception` that it raises goes there too.
        handled: called as ``handled(promise)`` when a promise that was told of is
            handled after all. By default, that is logged (INFO, logger ``upcall``).

    Raises:
        WrongTypeError: one of them cannot be called.
    """
    for each in (hook, handled):
        if each is not None:
            check_function(each, "an unhandled rejection", "a function, or None")

    _hooks.unhandled = hook
    _hooks.handled = handled


@attrs.define(eq=False)
class _HookState:
    unhandled: RejectionHook | None = None
    handled: LateHook | None = None


_hooks = _HookState()
