"""Upcall's view of an asyncio loop, uvloop's included."""

from __future__ import annotations

__all__ = ("AsyncioLoop",)

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from threading import get_ident
from typing import Any

from upcall.errors import NoRunningLoopError

from .loop import Loop, OwnedTask


class AsyncioLoop(Loop):
    """An asyncio loop. It lives as long as the loop itself, and no longer."""

    __slots__ = ("_tasks",)

    def __init__(self, native: asyncio.AbstractEventLoop) -> None:
        super().__init__(native)
        self._tasks: set[asyncio.Task[None]] = set()

    def is_here(self) -> bool:
        # The obvious get_running_loop() asks the system for the process id each time.
        native = self._native()
        return native is not None and self.thread == get_ident() and native.is_running()

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self._open().call_soon(function, *args)

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._open().call_soon_threadsafe(function, *args)
        except RuntimeError:  # it was closed in this moment, or before
            raise _ended() from None

    def waiter(self) -> _Waiter:
        return _Waiter(self.new_future())

    def new_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return self._open().create_future()

    def handle_exception(
        self, message: str, error: BaseException, **details: Any
    ) -> None:
        context = {"message": message, "exception": error, **details}
        self._open().call_exception_handler(context)

    def _soon(self, drain: Callable[[], None]) -> None:
        self._open().call_soon(drain)

    def _start(self, work: OwnedTask, context: Context) -> None:
        running = work.run()

        try:
            task = self._open().create_task(running, context=context)
        except BaseException:
            running.close()
            raise

        self._tasks.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(work.close)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()

        # These two have come out of the loop already, which ends its run.
        if not isinstance(error, KeyboardInterrupt | SystemExit | None):
            self.handle_exception("a task of the loop failed", error, task=task)

    def _open(self) -> asyncio.AbstractEventLoop:
        native: asyncio.AbstractEventLoop | None = self._native()

        if native is None or native.is_closed():
            raise _ended()

        return native


class _Waiter:
    """A future of one task's own: that the task is cancelled touches nobody else."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def wake(self, _: object = None) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._future.__await__()


def _ended() -> NoRunningLoopError:
    return NoRunningLoopError(
        "the asyncio loop this belongs to has ended: make promises anew in each run"
    )
