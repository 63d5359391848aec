"""`timeout` and `delay`: promises that wait for another one and for a time."""

# The timers are tasks of the promise's home, so a bus that closes waits for them, and a
# virtual clock of trio or of a test loop moves them.

from __future__ import annotations

__all__ = ("delayed", "timed")

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any, Generic, TypeVar

import anyio

from upcall._loops.loop import Handle
from upcall.errors import PromiseTimeoutError

from .arguments import check_seconds
from .cell import (
    REJECTED,
    Cell,
    adopt,
    cancel,
    home_of,
    is_pending,
    is_rejected,
    leave,
    listen,
    lock,
    make_cell,
    settle,
)

C = TypeVar("C", bound=Cell[Any])


def timed(parent: C, seconds: float, text: str = "not settled") -> C:
    """Make a cell with the parent's outcome, if that comes in time.

    Args:
        parent: the cell to wait for.
        seconds: how long.
        text: what the error says has not happened.
    """
    return _Limit(parent, seconds, text).cell


def delayed(parent: C, seconds: float) -> C:
    """Make a cell with the parent's value, so much later; a reason passes at once."""
    return _Delay(parent, seconds).cell


class _Timing(ABC, Generic[C]):
    """A timer, as what a cell waits for beside its parent."""

    __slots__ = ("_parent", "_seconds", "_timer", "cell")

    def __init__(self, parent: C, seconds: float) -> None:
        check_seconds("seconds", seconds)
        home_of(parent).check_loop()
        self._parent = parent
        self._seconds = seconds
        self._timer: Handle | None = None
        self.cell: C = make_cell(type(parent), home_of(parent))
        lock(self.cell, self)
        listen(parent, self.hear)

    @abstractmethod
    def hear(self, parent: Cell[Any]) -> None:
        """Hear that the parent is settled."""
        ...

    @abstractmethod
    def expire(self) -> None:
        """Hear that the time is over."""
        ...

    def let_go(self) -> Sequence[Cell[Any]]:
        """Stop the timer, and consume the parent no more."""
        self._stop()
        return leave(self._parent, self.hear)

    def _start(self) -> None:
        coroutine = self._sleep()

        try:
            self._timer = home_of(self.cell).spawn(coroutine, copy_context())
        except Exception as error:  # noqa: BLE001 (it becomes the reason)
            coroutine.close()
            settle(self.cell, REJECTED, error)
            leave(self._parent, self.hear)
            del self  # see `_react` in the machine

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _sleep(self) -> None:
        await anyio.sleep(self._seconds)

        if is_pending(self.cell):
            self.expire()


class _Limit(_Timing[C]):
    __slots__ = ("_text",)

    def __init__(self, parent: C, seconds: float, text: str) -> None:
        super().__init__(parent, seconds)
        self._text = text

        if is_pending(parent):
            self._start()

    def hear(self, parent: Cell[Any]) -> None:
        self._stop()

        if is_pending(self.cell):
            adopt(self.cell, parent)

    def expire(self) -> None:
        error = PromiseTimeoutError(f"{self._text} within {self._seconds!r} seconds")
        settle(self.cell, REJECTED, error)

        for cell in leave(self._parent, self.hear):
            cancel(cell)


class _Delay(_Timing[C]):
    __slots__ = ()

    def hear(self, parent: Cell[Any]) -> None:
        if not is_pending(self.cell):
            return

        if is_rejected(parent):
            adopt(self.cell, parent)
        else:
            self._start()

    def expire(self) -> None:
        adopt(self.cell, self._parent)
