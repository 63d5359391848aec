"""The promise that everybody sees: what it offers, over the machine in `cell`."""

# That a tuple gives a tuple and any other iterable a list makes overloads overlap:
# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

__all__ = ("Promise", "Reject", "Resolve", "quiet")

from collections.abc import Awaitable, Callable, Generator, Iterable
from functools import partial
from typing import Any, Final, Literal, Never, ParamSpec, TypeAlias, TypeVar, overload

import anyio

from upcall._loops.futures import AsyncioFuture, ConcurrentFuture

from .arguments import check_function
from .bridges import from_future, to_anyio, to_asyncio, to_concurrent
from .cell import FULFILLED, OPEN, REJECTED, fail, link, lock, make_cell, set_up
from .cell import cancel as cancel_cell
from .cell import heed as quiet
from .combinators import all_of, all_settled_of, any_of, element, race_of
from .handlers import catching, check_handler, finishing, settled, tapping
from .home import loop_home
from .mapping import map_of
from .outcomes import Outcome
from .reasons import check_reason
from .resolution import Resolving, begin, try_in
from .timing import delayed, timed
from .waiting import wait

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
P = ParamSpec("P")

State: TypeAlias = Literal["pending", "fulfilled", "rejected"]
Resolve: TypeAlias = Callable[[T | Awaitable[T]], bool]
Reject: TypeAlias = Callable[[BaseException | type[BaseException]], bool]
Criterion: TypeAlias = type[BaseException] | Callable[[Any], object]

_STATES: Final[tuple[State, ...]] = ("pending", "pending", "fulfilled", "rejected")


class Promise(Resolving[T_co]):
    """A value that may be there later, or the reason why it will not be.

    Promises/A+ 1.1 and ECMAScript's combinators, on asyncio and trio alike. It can be
    chained (`then`, `catch`, `finally_`), awaited any number of times, combined and
    cancelled. Handlers never run on the caller's stack but in the loop's job queue, in
    order, each in a copy of the context in which it was attached.

    A promise belongs to the loop that ran when it was made, and to the thread of that:
    elsewhere every call but `state` raises `WrongLoopError` (`NoRunningLoopError` where
    no loop runs). To settle it from another thread, go through the loop's
    ``call_soon_threadsafe`` or trio's ``run_sync_soon``.

    Args:
        executor: called at once as ``executor(resolve, reject)``. The first call of
            either counts and returns True, later ones return False. An `Exception`
            that it raises rejects.

    Raises:
        WrongTypeError: the executor cannot be called.
        NoRunningLoopError: no event loop runs here. Everything that makes a promise
            raises it.
    """

    __slots__ = ()

    def __init__(self, executor: Callable[[Resolve[T_co], Reject], object]) -> None:
        check_function(executor, "Promise", "an executor (resolve, reject)")
        set_up(self, loop_home())

        try:
            executor(self._resolve, self._reject)
        except Exception as error:  # noqa: BLE001 (it becomes the reason)
            if self._state == OPEN:
                fail(self, error)

            del self, executor  # they would be in its traceback

    # --- making one ---

    @classmethod
    def with_resolvers(cls) -> tuple[Promise[T_co], Resolve[T_co], Reject]:
        """Make a pending promise and the two functions that settle it.

        Say ``Promise[int].with_resolvers()`` to tell type checkers of what. Of the two,
        the first call counts and returns True. Like `resolve`, ``resolve`` waits for
        what can be waited for. (ECMAScript 2024, 27.2.4.8.)
        """
        promise: Promise[T_co] = make_cell(_PROMISE, loop_home())
        return promise, promise._resolve, promise._reject

    @overload
    @staticmethod
    def resolve(value: Awaitable[T]) -> Promise[T]: ...
    @overload
    @staticmethod
    def resolve(value: T) -> Promise[T]: ...
    @overload
    @staticmethod
    def resolve() -> Promise[None]: ...
    @staticmethod
    def resolve(value: Any = None) -> Promise[Any]:
        """Make a promise of anything; a promise is returned as it is.

        Something with a ``then``, or to await, is waited for (Promises/A+ 2.3); an
        awaitable in a task of the loop, cancelled with the promise. All else is its
        value.
        """
        return element(_PROMISE, loop_home(), value)

    @staticmethod
    def fulfilled(value: T) -> Promise[T]:
        """Make a promise of this very value, even if it could be awaited."""
        return settled(_PROMISE, loop_home(), FULFILLED, value)

    @staticmethod
    def reject(reason: BaseException | type[BaseException]) -> Promise[Never]:
        """Make a rejected promise.

        Raises:
            WrongTypeError: if the reason is no exception.
        """
        return settled(_PROMISE, loop_home(), REJECTED, check_reason(reason))

    @overload
    @staticmethod
    def try_(
        function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Promise[T]: ...
    @overload
    @staticmethod
    def try_(
        function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Promise[T]: ...
    @staticmethod
    def try_(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Promise[Any]:
        """Call a function at once; what it returns or raises is the outcome.

        What it returns is resolved, so an async function may be given too.

        Raises:
            WrongTypeError: it cannot be called.
        """
        check_function(function, "try_", "a function")
        call = partial(function, *args, **kwargs)
        return try_in(make_cell(_PROMISE, loop_home()), call)

    @staticmethod
    def run(
        async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Promise[T]:
        """Run an async function in a task that the loop owns: prefer `Bus.run`.

        The task has a copy of the caller's context. It is cancelled when the promise
        is, or at the end of the loop; the promise is rejected at once, while the task
        may still clean up.

        Raises:
            WrongTypeError: it cannot be called.
        """
        check_function(async_fn, "run", "an async function")
        start = partial(async_fn, *args, **kwargs)
        return begin(make_cell(_PROMISE, loop_home()), start)

    # --- many as one ---

    @overload
    @staticmethod
    def all(  # pyright: ignore[reportOverlappingOverload]
        items: tuple[Awaitable[T1], Awaitable[T2]],
    ) -> Promise[tuple[T1, T2]]: ...
    @overload
    @staticmethod
    def all(
        items: tuple[Awaitable[T1], Awaitable[T2], Awaitable[T3]],
    ) -> Promise[tuple[T1, T2, T3]]: ...
    @overload
    @staticmethod
    def all(items: tuple[Awaitable[T], ...]) -> Promise[tuple[T, ...]]: ...
    @overload
    @staticmethod
    def all(items: tuple[Any, ...]) -> Promise[tuple[Any, ...]]: ...
    @overload
    @staticmethod
    def all(items: Iterable[Awaitable[T]]) -> Promise[list[T]]: ...
    @overload
    @staticmethod
    def all(items: Iterable[Any]) -> Promise[list[Any]]: ...
    @staticmethod
    def all(items: Iterable[Any]) -> Promise[Any]:
        """Wait for all of them: their values, in the order of the input.

        The first rejection rejects. A tuple gives a tuple, any other iterable a list.
        The elements may be anything that `resolve` takes. This and the three below:
        what the iterable raises rejects; a cancellation gives up the share in each
        element, and cancels those that nobody else waits for.
        """
        return all_of(_PROMISE, items)

    @overload
    @staticmethod
    def all_settled(  # pyright: ignore[reportOverlappingOverload]
        items: tuple[Awaitable[T], ...],
    ) -> Promise[tuple[Outcome[T], ...]]: ...
    @overload
    @staticmethod
    def all_settled(items: Iterable[Awaitable[T]]) -> Promise[list[Outcome[T]]]: ...
    @overload
    @staticmethod
    def all_settled(items: Iterable[Any]) -> Promise[Any]: ...
    @staticmethod
    def all_settled(items: Iterable[Any]) -> Promise[Any]:
        """Wait for all of them, however they end.

        Gives `Fulfilled` and `Rejected` records, in the order of the input, in a list,
        or for a tuple in a tuple.
        """
        return all_settled_of(_PROMISE, items)

    @overload
    @staticmethod
    def any(items: Iterable[Awaitable[T]]) -> Promise[T]: ...
    @overload
    @staticmethod
    def any(items: Iterable[Any]) -> Promise[Any]: ...
    @staticmethod
    def any(items: Iterable[Any]) -> Promise[Any]:
        """Wait for the first that is fulfilled.

        If none is, `AllRejectedError` has the reasons, in the order of the input.
        """
        return any_of(_PROMISE, items)

    @overload
    @staticmethod
    def race(items: Iterable[Awaitable[T]]) -> Promise[T]: ...
    @overload
    @staticmethod
    def race(items: Iterable[Any]) -> Promise[Any]: ...
    @staticmethod
    def race(items: Iterable[Any]) -> Promise[Any]:
        """Wait for the first that is settled, either way; of none, for ever."""
        return race_of(_PROMISE, items)

    @overload
    @staticmethod
    def map(
        items: Iterable[T],
        function: Callable[[T], Awaitable[U]],
        *,
        concurrency: int | None = None,
    ) -> Promise[list[U]]: ...
    @overload
    @staticmethod
    def map(
        items: Iterable[T],
        function: Callable[[T], U],
        *,
        concurrency: int | None = None,
    ) -> Promise[list[U]]: ...
    @staticmethod
    def map(
        items: Iterable[Any],
        function: Callable[[Any], Any],
        *,
        concurrency: int | None = None,
    ) -> Promise[Any]:
        """Call a function with each item, and wait for what it returns.

        Args:
            items: values or promises of them.
            function: sync or async. It is called in the order of the items.
            concurrency: the most calls that are under way at once; None for no limit.

        Returns:
            A promise of the list of results, in the order of the items. The first
            rejection rejects: no further call is made, and those under way go on
            unheard. A cancellation cancels them.

        Raises:
            OptionError: if the concurrency is below 1, or the function no function.
        """
        return map_of(_PROMISE, items, function, concurrency)

    # --- chaining ---

    @overload
    def then(
        self, on_fulfilled: None = None, on_rejected: None = None
    ) -> Promise[T_co]: ...
    @overload
    def then(
        self,
        on_fulfilled: Callable[[T_co], Awaitable[U]],
        on_rejected: None = None,
    ) -> Promise[U]: ...
    @overload
    def then(
        self, on_fulfilled: Callable[[T_co], U], on_rejected: None = None
    ) -> Promise[U]: ...
    @overload
    def then(
        self,
        on_fulfilled: Callable[[T_co], Awaitable[U]],
        on_rejected: Callable[[Any], Awaitable[V]],
    ) -> Promise[U | V]: ...
    @overload
    def then(
        self,
        on_fulfilled: Callable[[T_co], U | Awaitable[U]],
        on_rejected: Callable[[Any], V | Awaitable[V]],
    ) -> Promise[U | V]: ...
    @overload
    def then(
        self, on_fulfilled: None, on_rejected: Callable[[Any], Awaitable[V]]
    ) -> Promise[T_co | V]: ...
    @overload
    def then(
        self, on_fulfilled: None, on_rejected: Callable[[Any], V]
    ) -> Promise[T_co | V]: ...
    def then(
        self,
        on_fulfilled: Any = None,
        on_rejected: Any = None,
    ) -> Any:
        """Attach handlers, and make a promise of what they return.

        Args:
            on_fulfilled: called with the value. None lets the value pass.
            on_rejected: called with the reason. None lets the reason pass.

        Returns:
            A new promise, resolved with what the handler returns (so a promise, an
            awaitable or something with a ``then`` is waited for), or rejected with
            the exception that it raises.

        Raises:
            WrongTypeError: if a handler is neither callable nor None.
        """
        if on_fulfilled is not None and not callable(on_fulfilled):
            check_handler(on_fulfilled)

        if on_rejected is not None and not callable(on_rejected):
            check_handler(on_rejected)

        return link(self, on_fulfilled, on_rejected)

    @overload
    def catch(
        self, *handler: *tuple[*tuple[Criterion, ...], Callable[[Any], Awaitable[U]]]
    ) -> Promise[T_co | U]: ...
    @overload
    def catch(
        self, *handler: *tuple[*tuple[Criterion, ...], Callable[[Any], U]]
    ) -> Promise[T_co | U]: ...
    def catch(
        self, *handler: *tuple[*tuple[Criterion, ...], Callable[[Any], Any]]
    ) -> Promise[Any]:
        """Attach a handler for a rejection, or for some rejections only.

        Args:
            handler: last, the handler, called with the reason. Before it, any number
                of exception classes and predicates: if there are any, the handler is
                called only for an instance of one, or if one says so; other reasons
                pass.

        Raises:
            WrongTypeError: if the handler is not callable, or a criterion is neither.
        """
        check_handler((None, *handler)[-1])
        return catching(self, handler[:-1], handler[-1])

    def finally_(self, function: Callable[[], object]) -> Promise[T_co]:
        """Call a function without arguments at the end, whatever it is.

        The outcome passes; but what the function returns is waited for, and if that
        is rejected, or the function raises, this is the outcome.

        Raises:
            WrongTypeError: if the function cannot be called.
        """
        check_handler(function)
        return finishing(self, function)

    def tap(self, function: Callable[[T_co], object]) -> Promise[T_co]:
        """Show the value to a function; the value passes. Else as `finally_`."""
        check_handler(function)
        return tapping(self, function)

    def timeout(self, seconds: float) -> Promise[T_co]:
        """Make a promise of the same, that waits no longer than so many seconds.

        Then it is rejected with `PromiseTimeoutError`, and this one is cancelled if
        nobody else waits for it.

        Raises:
            OptionError: this is no time. So does `delay`.
        """
        return timed(self, seconds)

    def delay(self, seconds: float) -> Promise[T_co]:
        """Make a promise of the same value, so many seconds later.

        A reason passes at once.
        """
        return delayed(self, seconds)

    def shield(self) -> Promise[T_co]:
        """Make a promise of the same, whose cancellation leaves this one alone.

        It goes on to count as somebody who waits, so this one is only cancelled by its
        own `cancel`.
        """
        shielded = link(self, None, None)
        lock(shielded)
        return shielded

    # --- ending, looking, awaiting ---

    def cancel(self) -> bool:
        """Reject it at once with `PromiseCancelledError`; in vain if it is settled.

        Its handlers hear of that like of any rejection. What it waits for is cancelled
        too, if nobody else waits for that (see `shield`), and so on upstream: a task
        at the root is cancelled, and may still clean up after this has returned.

        Returns:
            Whether it was pending.
        """
        self._home.check_loop()
        return cancel_cell(self)

    @property
    def state(self) -> State:
        """What it is now. May be asked in any thread."""
        return _STATES[self._state]

    @staticmethod
    def from_future(future: Awaitable[T] | ConcurrentFuture[T]) -> Promise[T]:
        """Make a promise of a future's outcome.

        Args:
            future: of asyncio (a task, too), `concurrent.futures` or anyio (a task
                handle, too), or anything to await. It is cancelled with the promise,
                and when it is cancelled, the promise is.

        Raises:
            WrongLoopError: if it is one of asyncio, of another loop.
            WrongTypeError: if it is none.
        """
        return from_future(_PROMISE, future)

    def to_asyncio(self) -> AsyncioFuture[T_co]:
        """Make a future of asyncio with the same outcome.

        It is cancelled when the promise is. When it is cancelled itself, the promise
        is, if nobody else waits for that. This and the two below.

        Raises:
            WrongLoopError: if the promise lives on trio.
        """
        return to_asyncio(self)

    def to_concurrent(self) -> ConcurrentFuture[T_co]:
        """Make a future with the same outcome that other threads may wait for."""
        return to_concurrent(self)

    def to_anyio(self) -> anyio.Future[T_co]:
        """Make a future of anyio with the same outcome."""
        return to_anyio(self)

    def __await__(self) -> Generator[Any, Any, T_co]:
        """Wait for the value; a rejection raises the reason itself.

        Cancelling the one who awaits does nothing to the promise. A promise that was
        cancelled raises `PromiseCancelledError`, never the loop's own cancellation.
        If it is settled already, this is no checkpoint: it does not yield to the loop.
        """
        return wait(self)

    def __repr__(self) -> str:
        end = f": {self._value!r}" if self._state >= FULFILLED else ""
        return f"<Promise {self.state}{end}>"


_PROMISE: Final[type[Promise[Any]]] = Promise
