"""What we need of an event loop, as a port that asyncio and trio each implement."""

from __future__ import annotations

__all__ = ("Handle", "Loop", "OwnedTask", "Waiter")

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, copy_context
from threading import get_ident
from typing import Any, Protocol, Self
from weakref import ref

import anyio

from upcall.errors import NoRunningLoopError

from .jobs import JobQueue


class Handle(Protocol):
    """A hold on something that goes on in the background."""

    def cancel(self) -> None:
        """Cancel it; after its end, do nothing. To be called in the loop's thread."""


class Waiter(Protocol):
    """A place where one task waits until it is woken, once."""

    def wake(self, _: object = None) -> None:
        """Let the task go on. Does nothing if it was cancelled meanwhile."""

    def __await__(self) -> Generator[Any, Any, None]: ...


class Loop(ABC):
    """An event loop that runs, or ran. There is one object per loop.

    It does not keep the loop alive. Only `call_soon_threadsafe`, `call_inside` and
    `is_here` may be called from another thread.

    Attributes:
        jobs: the queue of the promises of this loop.
        local: what the rooms above keep once per loop, by a key of theirs.
        thread: the thread in which it was last seen to run.
    """

    __slots__ = ("__weakref__", "_native", "jobs", "local", "thread")

    def __init__(self, native: object) -> None:
        self.thread: int = get_ident()
        self.jobs: JobQueue = JobQueue(self._soon)
        self.local: dict[object, Any] = {}
        # The table keeps us as long as the native loop lives. A strong reference to
        # it would keep both for ever. The callback has its own name for the table: a
        # global one is gone when the interpreter ends.
        key, loops = id(native), _loops
        self._native: Callable[[], Any] = ref(native, lambda _: loops.pop(key, None))
        loops[key] = self

    @classmethod
    def of(cls, native: object) -> Self:
        """Return the one object for this loop, which runs in this thread."""
        loop = _loops.get(id(native))

        if not isinstance(loop, cls):
            return cls(native)

        loop.thread = get_ident()
        return loop

    def is_native(self, native: object) -> bool:
        """Tell whether this is asyncio's loop, or trio's token, behind this one."""
        return self._native() is native

    @abstractmethod
    def is_here(self) -> bool:
        """Tell whether this loop runs in this thread, now. From any thread.

        False may also mean that it was not seen in this thread yet; to be sure, ask
        `current_loop`.
        """

    @abstractmethod
    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call it in a later turn of the loop.

        No `Exception` that it raises ends the loop.
        """

    @abstractmethod
    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Do the same from any thread, and wake an idle loop.

        Raises:
            NoRunningLoopError: if the loop has ended.
        """

    def call_inside(self, function: Callable[..., object], *args: Any) -> None:
        """Call it in the loop's thread: now, if that is this one, or else soon.

        Not at all if the loop has ended: then nobody is left who could hear of it.
        """
        if self.is_here():
            function(*args)
        else:
            with suppress(NoRunningLoopError):
                self.call_soon_threadsafe(function, *args)

    @abstractmethod
    def waiter(self) -> Waiter:
        """Make a place to wait for the task that asks."""

    @abstractmethod
    def handle_exception(
        self, message: str, error: BaseException, **details: Any
    ) -> None:
        """Tell of an error that has no caller.

        It goes to the loop's exception handler on asyncio, to the logger ``upcall``
        on trio.
        """

    def spawn(
        self, coroutine: Coroutine[Any, Any, object], context: Context | None = None
    ) -> Handle:
        """Run it in a task that the loop owns: held strongly, cancelled at its end.

        Args:
            coroutine: taken over: it has been closed when the task is over, and when
                this raises. An `Exception` out of it goes to `handle_exception`.
            context: the context it runs in; a copy of the present one by default.

        Returns:
            A handle that cancels it as a cancel scope does: again at every wait, until
            it has ended.

        Raises:
            RuntimeError: if the loop takes no more tasks.
        """
        work = OwnedTask(self, coroutine)

        try:
            self._start(work, copy_context() if context is None else context)
        except BaseException:
            coroutine.close()
            raise

        return work

    @abstractmethod
    def _soon(self, drain: Callable[[], None]) -> None:
        """Call the drain of the job queue in the next turn."""

    @abstractmethod
    def _start(self, work: OwnedTask, context: Context) -> None:
        """Start ``work.run()`` in a task, and call ``work.close()`` after it."""


_loops: dict[int, Loop] = {}
"""The loops that live, by the id of the native one."""


class OwnedTask:
    """A coroutine in a cancel scope of its own; a `Handle`."""

    __slots__ = ("_cancelled", "_coroutine", "_loop", "_scope")

    def __init__(self, loop: Loop, coroutine: Coroutine[Any, Any, object]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

        if self._scope is not None:
            self._scope.cancel()

    async def run(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                if self._cancelled:
                    self._scope.cancel()

                await self._coroutine
        except Exception as error:  # noqa: BLE001 (handed on)
            self._loop.handle_exception("a task of the loop failed", error)
        finally:
            self._scope = None

    def close(self, _: object = None) -> None:
        """Spare a coroutine whose task never began the "never awaited" warning."""
        self._coroutine.close()
