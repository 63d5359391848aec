"""Upcall's view of a trio run."""

# Rule 1: nothing may fly out of a callback that trio calls for us (`run_sync_soon`): it
#   would end the run at once, as an internal error. See `TrioLoop._guard`.
# Rule 2: such callbacks see an empty context, and Ctrl-C is held back in them.

from __future__ import annotations

__all__ = ("TrioLoop",)

import contextlib
import logging
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, NoReturn

import trio
from trio.lowlevel import current_trio_token

from upcall.errors import NoRunningLoopError

from .loop import Loop, OwnedTask


class TrioLoop(Loop):
    """A trio run, known by its token."""

    __slots__ = ()

    def is_here(self) -> bool:
        try:
            return current_trio_token() is self._native()
        except RuntimeError:
            return False

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self.call_soon_threadsafe(function, *args)

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._open().run_sync_soon(self._guard, function, args)
        except trio.RunFinishedError:
            raise _ended() from None

    def waiter(self) -> _Waiter:
        return _Waiter(trio.lowlevel.current_task())

    def handle_exception(
        self, message: str, error: BaseException, **details: Any
    ) -> None:
        extra = {f"upcall_{name}": value for name, value in details.items()}
        told = [message, *(f"{name}: {value!r}" for name, value in details.items())]
        text = "; ".join(told)
        logging.getLogger("upcall").error("%s", text, exc_info=error, extra=extra)

    def _soon(self, drain: Callable[[], None]) -> None:
        # In its last moment a run still calls us and takes nothing new. What is put in
        # the queue then is never run, as with any loop that has stopped.
        with contextlib.suppress(trio.RunFinishedError):
            self._open().run_sync_soon(self._guard, drain, ())

    def _start(self, work: OwnedTask, context: Context) -> None:
        trio.lowlevel.spawn_system_task(_host, work, context=context)

    def _open(self) -> trio.lowlevel.TrioToken:
        token: trio.lowlevel.TrioToken | None = self._native()

        if token is None:
            raise _ended()

        return token

    def _guard(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 (handed on)
            self.handle_exception("a callback of the loop failed", error)
        except BaseException as error:  # noqa: BLE001 (raised again, in a task)
            trio.lowlevel.spawn_system_task(_raise, error)


def _ended() -> NoRunningLoopError:
    return NoRunningLoopError(
        "the trio run this belongs to has ended: make promises anew in each run"
    )


async def _host(work: OwnedTask) -> None:
    try:
        await work.run()
    finally:
        work.close()


async def _raise(error: BaseException) -> NoReturn:
    raise error


class _Waiter:
    """The parking place of one task."""

    __slots__ = ("_task",)

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self._task: trio.lowlevel.Task | None = task

    def wake(self, _: object = None) -> None:
        task, self._task = self._task, None

        if task is not None:
            trio.lowlevel.reschedule(task)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
