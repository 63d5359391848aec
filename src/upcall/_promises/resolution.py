"""What becomes of a promise that is resolved with something: Promises/A+ 1.1, 2.3."""

# The procedure, in its order (`resolve`). Where Python differs, it says why.
#
# 1. A plain value, or a class: fulfil. A class may have a `then`, but it is a function
#    that lacks its object.
# 2. A promise of this loop: follow it. Itself, or one that waits for it: TypeError.
# 3. Something whose `then` is callable, looked up once: call it, in a job of its own,
#    with a pair of functions of which the first call of either counts. No attribute
#    `then` is how Python says "no then", so AttributeError is no reason to reject.
# 4. Something to await: run it in a task of the promise's home.
# 5. Anything else: fulfil.

from __future__ import annotations

__all__ = ("Backing", "Resolving", "begin", "is_awaitable", "resolve", "run", "try_in")

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from types import CoroutineType
from typing import Any, Protocol, TypeVar

from .cell import (
    FULFILLED,
    OPEN,
    PLAIN,
    REJECTED,
    Cell,
    fail,
    follow,
    home_of,
    is_cell,
    is_pending,
    lock,
    make_heir,
    settle,
)
from .reasons import check_reason

C = TypeVar("C", bound=Cell[Any])
T_co = TypeVar("T_co", covariant=True)


class Cancellable(Protocol):
    """Something that goes on in the background: a task, a future, a subscription."""

    def cancel(self) -> object:
        """Stop it."""
        ...


class Resolving(Cell[T_co]):
    """A cell that knows the procedure: the two functions that settle a root."""

    __slots__ = ()

    def _resolve(self, value: Any = None) -> bool:
        """Resolve it; False, and no more, if it was resolved or rejected before."""
        if not self._home.loop.is_here():
            self._home.check_loop()

        if self._state != OPEN:
            _discard(value)
            return False

        if type(value) in PLAIN:
            settle(self, FULFILLED, value)
        else:
            resolve(self, value, None)

        return True

    def _reject(self, reason: BaseException | type[BaseException]) -> bool:
        """Reject it; False, and no more, if it was resolved or rejected before."""
        reason = check_reason(reason)

        if not self._home.loop.is_here():
            self._home.check_loop()

        if self._state != OPEN:
            return False

        settle(self, REJECTED, reason)
        return True

    def _take(self, result: object, context: Context) -> None:
        try:
            resolve(self if is_pending(self) else make_heir(self), result, context)
        finally:
            del self


def resolve(cell: C, x: Any, context: Context | None) -> C:
    """Resolve a pending cell with ``x``, and return the cell.

    Args:
        cell: the cell, whose fate nobody else decides.
        x: anything.
        context: the one to run foreign code in; a copy of the present one by default.
    """
    try:
        if type(x) in PLAIN or isinstance(x, type):
            settle(cell, FULFILLED, x)
        elif is_cell(x, home_of(cell)):
            follow(cell, x)
        else:
            _examine(cell, x, copy_context() if context is None else context)

        return cell
    finally:
        del cell  # see `_react`, here and below


def _examine(cell: Cell[Any], x: Any, context: Context) -> None:
    try:
        then = getattr(x, "then", None)
    except BaseException as error:
        flies_on = fail(cell, error)
        del cell, x

        if flies_on:
            raise

        return

    if callable(then):
        lock(cell)
        home_of(cell).jobs.later(_ask, cell, then, context)
    elif is_awaitable(x):
        run(cell, x, context)
    else:
        settle(cell, FULFILLED, x)


def run(cell: Cell[Any], awaitable: Awaitable[Any], context: Context) -> None:
    """Await it in a task of the cell's home, and settle the cell with the outcome.

    That the cell is cancelled cancels the task; the cell does not wait for its end.
    """
    lock(cell)
    coroutine = _work(cell, awaitable)

    try:
        handle = home_of(cell).spawn(coroutine, context)
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        coroutine.close()
        _discard(awaitable)
        settle(cell, REJECTED, error)
        del cell
        return

    if is_pending(cell):  # a task that is started eagerly may be over
        lock(cell, Backing(handle))


def try_in(cell: C, call: Callable[[], Any]) -> C:
    """Resolve the cell with what a call returns, or reject it; return the cell."""
    try:
        return resolve(cell, call(), None)
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        fail(cell, error)
        return cell
    finally:
        del cell


def begin(cell: C, start: Callable[[], Awaitable[Any]]) -> C:
    """Call what starts async work, `run` that for the cell, and return the cell."""
    try:
        awaitable = start()

        if is_awaitable(awaitable):
            run(cell, awaitable, copy_context())
        else:
            text = f"there is nothing to await in {awaitable!r}: use Promise.try_"
            settle(cell, REJECTED, TypeError(text))
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        fail(cell, error)
        return cell
    else:
        return cell
    finally:
        del cell


async def _work(cell: Cell[Any], awaitable: Awaitable[Any]) -> None:
    if not is_pending(cell):
        _discard(awaitable)
        return

    try:
        result = await awaitable
    except Exception as error:  # noqa: BLE001 (it becomes the reason)
        fail(cell, error)
        del cell, awaitable
    except BaseException as error:
        fail(cell, error)
        del cell, awaitable
        raise
    else:
        if is_pending(cell):
            resolve(cell, result, None)  # a copy: no other task may enter our context
        else:
            _discard(result)


class Backing:
    """What works for a promise alone, and is cancelled with it: a `Source`."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Cancellable) -> None:
        self._handle = handle

    def let_go(self) -> Sequence[Cell[Any]]:
        """Cancel it."""
        self._handle.cancel()
        return ()


def _ask(cell: Cell[Any], then: Callable[..., object], context: Context) -> None:
    """Call the ``then`` of something that has one."""
    if not is_pending(cell):
        return

    pair = _Pair(cell)

    try:
        context.run(then, pair.resolve, pair.reject)
    except BaseException as error:
        flies_on = not isinstance(error, Exception)

        if pair.claim() is not None:
            flies_on = fail(cell, error)

        del cell, pair, then

        if flies_on:
            raise


class _Pair:
    """The two functions that a ``then`` is called with: the first call counts."""

    __slots__ = ("_cell", "_home")

    def __init__(self, cell: Cell[Any]) -> None:
        self._cell: Cell[Any] | None = cell
        self._home = home_of(cell)

    def resolve(self, value: Any = None) -> bool:
        self._home.check_loop()
        cell = self.claim()

        if cell is None:
            _discard(value)
            return False

        resolve(cell, value, None)
        return True

    def reject(self, reason: Any = None) -> bool:
        reason = check_reason(reason)
        self._home.check_loop()
        cell = self.claim()

        if cell is None:
            return False

        settle(cell, REJECTED, reason)
        return True

    def claim(self) -> Cell[Any] | None:
        """Give the cell to the first who asks, if it is still pending."""
        cell, self._cell = self._cell, None
        return cell if cell is not None and is_pending(cell) else None


def is_awaitable(x: object) -> bool:
    """Tell whether it can be awaited."""
    return hasattr(type(x), "__await__") or inspect.isawaitable(x)


def _discard(value: object) -> None:
    """Let go of a value that comes too late, without the "never awaited" warning."""
    if isinstance(value, CoroutineType):
        value.close()
