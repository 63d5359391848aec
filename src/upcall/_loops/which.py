"""Which event loop runs here."""

# The order matters. In trio's guest mode an asyncio loop and a trio run share a thread:
# asyncio's running loop is then set inside trio tasks too, and trio's token inside
# asyncio tasks. Only the mark that trio leaves for sniffio tells them apart.
# We never ask anyio: in callbacks under a plain asyncio.run it knows of no loop.

from __future__ import annotations

__all__ = ("current_loop", "is_cancellation", "is_stray")

import sys
from collections.abc import Callable
from weakref import ref

from upcall.errors import NoRunningLoopError

from .loop import Loop

_modules = sys.modules
_last: Callable[[], Loop | None] = lambda: None  # noqa: E731 (stands for a dead ref)
_last_trio = _last


def current_loop() -> Loop:
    """Return the event loop that runs in this thread: the same object each time.

    Works in tasks and in callbacks of the loop alike.

    Raises:
        NoRunningLoopError: if none does.
    """
    sniffio = _modules.get("sniffio")
    trio = sniffio is not None and sniffio.thread_local.name == "trio"
    loop = _last_trio() if trio else _last()

    if loop is not None and loop.is_here():
        return loop

    return _find_loop(trio=trio)


def is_cancellation(error: BaseException) -> bool:
    """Tell whether it is what asyncio or trio cancels a task with."""
    return any(
        isinstance(error, getattr(_modules[library], name))
        for library, name in (("asyncio", "CancelledError"), ("trio", "Cancelled"))
        if library in _modules
    )


def is_stray(error: BaseException) -> bool:
    """Tell whether it is a cancellation of the running task that nobody asked for.

    Only asyncio lets a task raise a cancellation of its own making, and there the task
    knows whether somebody asked for it.
    """
    asyncio = _modules.get("asyncio")

    if asyncio is None or not isinstance(error, asyncio.CancelledError):
        return False

    if asyncio._get_running_loop() is None:  # noqa: SLF001 (documented for libraries)
        return False

    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


def _find_loop(*, trio: bool) -> Loop:
    global _last, _last_trio  # noqa: PLW0603 (the loop asked for last is asked for next)
    loop = _find_asyncio() if "asyncio" in _modules and not trio else None

    if loop is not None:
        _last = ref(loop)
        return loop

    loop = _find_trio() if "trio" in _modules else None

    if loop is not None:
        _last_trio = ref(loop)
        return loop

    raise NoRunningLoopError(
        "no asyncio or trio loop runs in this thread: call this in an async function "
        "or in a callback of the loop"
    )


def _find_asyncio() -> Loop | None:
    from asyncio import get_running_loop  # noqa: PLC0415 (only where it is used)

    from .asyncio import AsyncioLoop  # noqa: PLC0415 (likewise)

    try:
        return AsyncioLoop.of(get_running_loop())
    except RuntimeError:
        return None


def _find_trio() -> Loop | None:
    from trio.lowlevel import current_trio_token  # noqa: PLC0415 (likewise)

    from .trio import TrioLoop  # noqa: PLC0415 (likewise)

    try:
        return TrioLoop.of(current_trio_token())
    except RuntimeError:
        return None
