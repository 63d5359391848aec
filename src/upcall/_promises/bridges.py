"""Promises of other people's futures, and futures of promises."""

# A cancellation is carried over, both ways. A promise that is made of a future is the
# future's owner: when it is cancelled, so is the future. A future that is made of a
# promise is one more consumer of it: when it is cancelled, and nobody else waits for
# the promise, so is that.

from __future__ import annotations

__all__ = ("from_future", "to_anyio", "to_asyncio", "to_concurrent")

from contextvars import copy_context
from functools import partial
from typing import Any, TypeAlias, TypeGuard, TypeVar

import anyio

from upcall._loops.futures import (
    AsyncioFuture,
    ConcurrentFuture,
    invalid_state,
    is_asyncio_future,
    is_concurrent_future,
    new_asyncio_future,
    new_concurrent_future,
)
from upcall.errors import (
    PromiseCancelledError,
    WrongLoopError,
    WrongTypeError,
)

from .cell import (
    REJECTED,
    Cell,
    Listener,
    cancel,
    home_of,
    is_pending,
    is_rejected,
    leave,
    listen,
    lock,
    make_cell,
    settle,
    trace_of,
    value_of,
)
from .home import loop_home
from .resolution import Backing, is_awaitable, resolve, run

C = TypeVar("C", bound=Cell[Any])
AnyioFuture: TypeAlias = "anyio.Future[Any] | anyio.TaskHandle[Any, Any]"


def from_future(kind: type[C], future: Any) -> C:
    """Make a promise of a future's outcome; see `Promise.from_future`."""
    if isinstance(future, kind):
        return future

    cell = make_cell(kind, loop_home())

    if is_asyncio_future(future):
        _follow_asyncio(cell, future)
    elif is_concurrent_future(future):
        lock(cell, Backing(future))
        future.add_done_callback(partial(_hear_anywhere, cell))
    elif _is_anyio_future(future):
        run(cell, _await_anyio(future), copy_context())
    elif is_awaitable(future):
        resolve(cell, future, None)
    else:
        raise WrongTypeError(
            f"{future!r} is no future: give one of asyncio, concurrent.futures or "
            "anyio, or something to await"
        )

    return cell


def _is_anyio_future(value: object) -> TypeGuard[AnyioFuture]:
    return isinstance(value, anyio.Future | anyio.TaskHandle)


def _follow_asyncio(cell: Cell[Any], future: AsyncioFuture[Any]) -> None:
    home = home_of(cell)

    if not home.loop.is_native(future.get_loop()):
        raise WrongLoopError(
            f"{future!r} belongs to another event loop: make the promise there, and "
            "carry it over with to_concurrent()"
        )

    lock(cell, Backing(future))
    future.add_done_callback(partial(_hear, cell))


def _hear(cell: Cell[Any], future: AsyncioFuture[Any] | ConcurrentFuture[Any]) -> None:
    """Settle the cell as the future ended, in the cell's loop."""
    if not is_pending(cell):
        return

    if future.cancelled():
        settle(cell, REJECTED, PromiseCancelledError(f"{future!r} was cancelled"))
    elif (error := future.exception()) is not None:
        settle(cell, REJECTED, error)
    else:
        resolve(cell, future.result(), None)


def _hear_anywhere(cell: Cell[Any], future: ConcurrentFuture[Any]) -> None:
    home_of(cell).loop.call_inside(_hear, cell, future)


async def _await_anyio(future: AnyioFuture) -> Any:
    try:
        await future.wait()
    except BaseException:
        future.cancel()
        raise

    try:
        error = future.exception
    except (anyio.FutureCancelled, anyio.TaskCancelled) as cancelled:
        raise PromiseCancelledError(f"{future!r} was cancelled") from cancelled

    if error is not None:
        raise error

    return future.return_value


def to_asyncio(cell: Cell[Any]) -> AsyncioFuture[Any]:
    """Make a future of asyncio; see `Promise.to_asyncio`."""
    home = home_of(cell)
    home.check_loop()
    future = new_asyncio_future(home.loop)
    listener = partial(_end_asyncio, future)
    listen(cell, listener)
    future.add_done_callback(partial(_let_go, cell, listener))
    return future


def to_concurrent(cell: Cell[Any]) -> ConcurrentFuture[Any]:
    """Make a future for other threads; see `Promise.to_concurrent`."""
    home = home_of(cell)
    home.check_loop()
    future = new_concurrent_future()
    listener = partial(_end_concurrent, future)
    listen(cell, listener)
    future.add_done_callback(partial(_let_go_anywhere, cell, listener))
    return future


def to_anyio(cell: Cell[Any]) -> anyio.Future[Any]:
    """Make a future of anyio; see `Promise.to_anyio`."""
    home = home_of(cell)
    home.check_loop()
    future: anyio.Future[Any] = anyio.Future()
    listener = partial(_end_anyio, future)
    listen(cell, listener)
    home.loop.spawn(_watch(future, cell, listener))
    return future


def _end_asyncio(future: AsyncioFuture[Any], cell: Cell[Any]) -> None:
    if future.done():
        return

    if not is_rejected(cell):
        future.set_result(value_of(cell))
    elif (error := _error_of(cell)) is not None:
        future.set_exception(error)
    else:
        future.cancel()


def _end_concurrent(future: ConcurrentFuture[Any], cell: Cell[Any]) -> None:
    error = _error_of(cell) if is_rejected(cell) else None

    try:
        if not is_rejected(cell):
            future.set_result(value_of(cell))
        elif error is not None:
            future.set_exception(error)
        else:
            future.cancel()
    except invalid_state():
        return  # another thread has cancelled it in this moment


def _end_anyio(future: anyio.Future[Any], cell: Cell[Any]) -> None:
    if future.status is not anyio.Future.Status.PENDING:
        return

    if not is_rejected(cell):
        future.return_value = value_of(cell)
    elif (error := _error_of(cell)) is not None:
        future.exception = error
    else:
        future.cancel()


def _error_of(cell: Cell[Any]) -> BaseException | None:
    """Return what a future may hold of a reason; None for a cancellation."""
    reason: BaseException = value_of(cell)

    if isinstance(reason, PromiseCancelledError):
        return None

    if isinstance(reason, StopIteration):  # futures refuse it, as `await` does
        error = RuntimeError("the promise was rejected with StopIteration")
        error.__cause__ = reason
        return error

    return reason.with_traceback(trace_of(cell))


def _let_go(
    cell: Cell[Any],
    listener: Listener,
    future: AsyncioFuture[Any] | ConcurrentFuture[Any],
) -> None:
    """Give up the future's share in the promise if the future was cancelled."""
    if future.cancelled() and is_pending(cell):
        for idle in leave(cell, listener):
            cancel(idle)


def _let_go_anywhere(
    cell: Cell[Any], listener: Listener, future: ConcurrentFuture[Any]
) -> None:
    if future.cancelled():
        # Without this, `concurrent.futures.wait` would not see it.
        future.set_running_or_notify_cancel()
        home_of(cell).loop.call_inside(_let_go, cell, listener, future)


async def _watch(
    future: anyio.Future[Any], cell: Cell[Any], listener: Listener
) -> None:
    """Give up the future's share; futures of anyio call nobody, so this is a task."""
    await future.wait()

    if future.status is anyio.Future.Status.CANCELLED and is_pending(cell):
        for idle in leave(cell, listener):
            cancel(idle)
