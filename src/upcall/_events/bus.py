"""`Bus`: many events, many callbacks, and one owner of all that runs."""

from __future__ import annotations

__all__ = ("Bus",)

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple, Unpack, overload

from upcall._promises.arguments import check_function
from upcall._promises.promise import Promise
from upcall._promises.start import run_in
from upcall.errors import OptionError

from . import emission
from .background import OnError
from .calls import Run
from .envelope import Envelope
from .inside import hub_of
from .listening import Listening
from .options import MISSING
from .owner import Owner, Statistics
from .routes import concrete
from .subscription import Subscription

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future

T = TypeVar("T")
A = TypeVarTuple("A")


class Bus(Listening):
    """An event bus.

    Callbacks are subscribed to keys: event classes, names and patterns. An emission
    reaches all that match, in one order: sync callbacks first, by priority and time of
    subscription, then the async ones.

    A bus that is not open serves sync callbacks, and `aemit`. Open it with
    ``async with`` for background work: it owns the tasks it starts. Leaving waits for
    them, and for the handlers of its promises; an exception out of the block cancels
    them, and comes out bare. A closed bus may be opened again.

    Subscribing may be done from any thread; so may emitting to sync callbacks. From
    other threads, use `emit_threadsafe` for the rest. What a call says of threads, it
    says besides; "the bus's thread" is the one that opened it.

    Args:
        on_error: where failures of background callbacks go: ``"log"`` (the logger
            ``upcall``), ``"raise"`` (ends the block and all other background callbacks,
            and comes out as `CallbackErrors`), or a sync callable that takes the error,
            the subscription or None, and the envelope or None. What that raises is
            logged, beside the failure.
        grace: how many seconds leaving waits before it cancels; None waits for ever.
        trace: give every emission an envelope, so that causes are known.
        retain: how many of the last emissions of each event late subscribers get.

    Raises:
        OptionError: one of these makes no sense.
    """

    def __init__(
        self,
        *,
        on_error: OnError = "log",
        grace: float | None = None,
        trace: bool = False,
        retain: int = 0,
    ) -> None:
        hub = Owner(on_error=on_error, grace=grace, trace=trace, retain=retain)
        super().__init__(hub)
        self._class_runs = hub.class_runs
        self._name_runs = hub.name_runs

    # Open and close

    @property
    def is_open(self) -> bool:
        """Whether it takes background work."""
        return self._hub.is_open

    @property
    def grace(self) -> float | None:
        """How many seconds leaving waits before it cancels; None waits for ever."""
        return self._hub.grace

    async def __aenter__(self) -> Self:
        await self._hub.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._hub.close(error)

    async def drain(self) -> None:
        """Wait until nothing runs or waits in the background.

        What is debounced or throttled runs at once. A background callback that drains
        its own bus is not waited for. Cancelled, it leaves everything as it is. On a
        bus that is not open it returns at once.

        Raises:
            WrongThreadError: called from another thread than the bus's.
        """
        await self._hub.drain()

    def statistics(self) -> Statistics:
        """Return what the bus has done, and does now. From any thread.

        It looks at every subscription: not for every emission.
        """
        return self._hub.statistics()

    # Emit

    @overload
    def emit(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> int: ...

    @overload
    def emit(self, event: object, *, id: str | None = None) -> int: ...

    def emit(self, event: Any, payload: Any = MISSING, id: str | None = None) -> int:
        """Call the callbacks now: ``emit(OrderPaid(...))`` or ``emit(name, payload)``.

        Sync callbacks have run when it returns; async ones have been started. From any
        thread, if all that hear it are sync.

        An event is heard by the subscribers of its class and of the bases of that, of
        its name, and of matching patterns. A payload that goes with a name is heard by
        those of the name and of matching patterns only, whatever its class:
        ``emit("order.paid", OrderPaid(...))`` does not reach subscribers of
        ``OrderPaid``.

        Args:
            event: the event itself, or the name of one.
            payload: what goes with a name; None by default.
            id: the id for the envelope of this emission: 1 to 200 printable ASCII
                characters, without dots and spaces.

        Returns:
            How many heard it: called, started or queued.

        Raises:
            CallbackErrors: sync callbacks failed; all have been called.
            BusNotOpenError: there are async callbacks and the bus is not open; no
                callback has been called.
            WrongThreadError: likewise, in another thread than the bus's; see
                `emit_threadsafe`.
            MalformedKeyError: this is no event and no name.
            OptionError: this cannot be an id; or an interceptor returned nonsense.
        """
        if payload is MISSING:
            try:
                run = self._class_runs[type(event)]
            except KeyError:
                run, event = self._run_and_payload(event, payload)

            return run(event) if id is None else emission.emit(run, event, id)

        try:
            run = self._name_runs[event]
        except (KeyError, TypeError):
            run, payload = self._run_and_payload(event, payload)

        return run(payload) if id is None else emission.emit(run, payload, id)

    @overload
    async def aemit(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> list[Any]: ...

    @overload
    async def aemit(self, event: object, *, id: str | None = None) -> list[Any]: ...

    async def aemit(
        self, event: Any, payload: Any = MISSING, *, id: str | None = None
    ) -> list[Any]:
        """Call the callbacks and wait until every one has finished.

        Needs no open bus: the callbacks run in the caller's loop and cancel scope, in
        whatever thread that is. Several async ones run at the same time, one alone in
        the caller's task. Debounced and throttled ones are not waited for.

        Cancelled or timed out, it cancels its callbacks and waits for them: nothing is
        left behind. What is called with, and who hears it, is as for `emit`.

        Returns:
            The values of those that ran: sync ones first, each in order.

        Raises:
            CallbackErrors: callbacks failed; all have been called.
            BusNotOpenError: a callback is debounced or throttled, and the bus is not
                open; no callback has been called.
            WrongThreadError: likewise, in another thread than the bus's.
            MalformedKeyError: this is no event and no name.
            OptionError: this cannot be an id; or a callback awaits an emission that
                would wait for itself.
        """
        run, payload = self._find(event, payload)
        return await emission.aemit(run, payload, id)

    @overload
    def emit_soon(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> Promise[list[Any]]: ...

    @overload
    def emit_soon(
        self, event: object, *, id: str | None = None
    ) -> Promise[list[Any]]: ...

    def emit_soon(
        self, event: Any, payload: Any = MISSING, *, id: str | None = None
    ) -> Promise[list[Any]]:
        """Do what `aemit` does, in the background. In the bus's thread.

        Returns:
            A promise of the values. If it fails and nobody handles that by the end of
            the turn, the failure goes to ``on_error``. Cancelling the promise cancels
            the callbacks.

        Raises:
            BusNotOpenError: the bus is not open.
            WrongThreadError: called from another thread than the bus's.
            MalformedKeyError: this is no event and no name.
        """
        return self._hub.soon(*self._find(event, payload), id)

    @overload
    def emit_threadsafe(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> Future[list[Any]]: ...

    @overload
    def emit_threadsafe(
        self, event: object, *, id: str | None = None
    ) -> Future[list[Any]]: ...

    def emit_threadsafe(
        self, event: Any, payload: Any = MISSING, *, id: str | None = None
    ) -> Future[list[Any]]:
        """Do what `aemit` does in the bus, from any thread; wake an idle loop at once.

        Returns:
            A future with the values or the failure. Until the emission has begun it can
            be cancelled, then no more. To wait for it in the bus's own thread would
            wait for ever.

        Raises:
            BusNotOpenError: the bus is not open, or its loop has ended.
            MalformedKeyError: this is no event and no name.
        """
        run, payload = self._find(event, payload)

        return self._hub.emit_from_thread(run, payload, id)

    def _find(self, event: Any, payload: Any) -> tuple[Run, Any]:
        """Find the run that is planned already, as nearly always one is."""
        try:
            if payload is MISSING:
                return self._class_runs[type(event)], event

            return self._name_runs[event], payload
        except (KeyError, TypeError):
            return self._run_and_payload(event, payload)

    def _run_and_payload(self, event: Any, payload: Any) -> tuple[Run, Any]:
        by_name = payload is not MISSING
        key = concrete(event, by_name=by_name)

        if not by_name:
            payload = None if isinstance(key, str) else event

        return self._hub.run_of(key), payload

    def run(
        self, async_fn: Callable[[Unpack[A]], Awaitable[T]], *args: *A
    ) -> Promise[T]:
        """Run an async function as a background task of the bus. In its thread.

        Returns:
            A promise of its result. Cancelling the promise cancels the task. A failure
            that nobody handles goes to ``on_error``.

        Raises:
            BusNotOpenError: the bus is not open.
            WrongThreadError: called from another thread than the bus's.
            OptionError: this is no function.
        """
        check_function(async_fn, "run", "an async function")
        self._hub.check_background(async_fn, "", emitted=False)

        return run_in(self._hub.home(), async_fn, *args)

    # Around emissions

    def intercept(
        self,
        key: type[T] | str,
        function: Callable[[Envelope[Any]], Envelope[Any] | object | None],
    ) -> Subscription[[Envelope[Any]], Any]:
        """Let a function see the envelope before anybody else hears it.

        Interceptors are called one after the other, in the order they were added, in
        whatever thread emits. An exception out of one ends the emission before any
        callback. May be called from any thread.

        Args:
            key: an event class, a name or a pattern.
            function: returns None (go on), another envelope with a payload of the same
                type, or `upcall.STOP` (nobody hears it; `emit` gives 0, `aemit` []).

        Returns:
            A subscription to cancel it with.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: this is no sync function of one argument.
        """
        return self._hub.intercept(key, function)

    def forward(
        self, other: Bus, key: type[Any] | str = "**"
    ) -> Subscription[..., Any]:
        """Let another bus hear what is emitted here, after the callbacks of this one.

        The envelope stays the same. It enters a bus once, so a ring of buses ends.
        Counts, values, failures and the need for an open bus include the other bus. May
        be called from any thread.

        Args:
            other: the other bus.
            key: what it hears of: an event class, a name or a pattern; by default all
                but the names below ``webhook``.

        Returns:
            A subscription to cancel it with.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: this is no bus, or this very bus.
        """
        host = hub_of(other, "other")

        if host is self._hub:
            raise OptionError("a bus hears itself already: forward to another bus")

        return self._hub.forward(host, key)
