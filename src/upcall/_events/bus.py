"""`Bus`: many events, many callbacks, and one owner of all that runs."""

from __future__ import annotations

__all__ = ("Bus",)

from collections.abc import Awaitable, Callable
from typing import (
    TYPE_CHECKING,
    Any,
    TypeVar,
    TypeVarTuple,
    Unpack,
    overload,
)

from upcall._promises.promise import Promise
from upcall._promises.start import run_in

from . import emission
from .calls import Run
from .listening import Listening
from .routes import concrete

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")
A = TypeVarTuple("A")


class _Missing:
    """The payload of an emission that was given none."""


_MISSING: Any = _Missing()


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
    other threads, use `emit_threadsafe` for the rest.

    Args:
        on_error: where failures of background callbacks go: ``"log"`` (the logger
            ``upcall``), ``"raise"`` (ends the block and all other background callbacks,
            and comes out as `CallbackErrors`), or a callable that takes the error, the
            subscription or None, and the envelope or None.
        grace: how many seconds leaving waits before it cancels; None waits for ever.
        trace: give every emission an envelope, so that causes are known.
        retain: how many of the last emissions of each event late subscribers get.
    """

    # Emit

    @overload
    def emit(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> int: ...

    @overload
    def emit(self, event: object, *, id: str | None = None) -> int: ...

    def emit(self, event: Any, payload: Any = _MISSING, id: str | None = None) -> int:
        """Call the callbacks now: ``emit(OrderPaid(...))`` or ``emit(name, payload)``.

        Sync callbacks have run when it returns; async ones have been started.

        Args:
            event: the event itself, or the name of one.
            payload: what goes with a name; None by default.
            id: the id for the envelope of this emission.

        Returns:
            How many heard it: called, started or queued.

        Raises:
            CallbackErrors: sync callbacks failed; all have been called.
            BusNotOpenError: there are async callbacks and the bus is not open; no
                callback has been called.
            WrongThreadError: likewise, in another thread than the bus's; see
                `emit_threadsafe`.
            MalformedKeyError: this is no event and no name.
        """
        try:
            if payload is _MISSING:
                run = self._runs[type(event)]
                payload = event
            else:
                run = self._runs[event]
        except (KeyError, TypeError):
            run, payload = self._run_and_payload(event, payload)

        if id is None:
            return run(payload)

        return emission.emit(run, payload, id)

    @overload
    async def aemit(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> list[Any]: ...

    @overload
    async def aemit(self, event: object, *, id: str | None = None) -> list[Any]: ...

    async def aemit(
        self, event: Any, payload: Any = _MISSING, *, id: str | None = None
    ) -> list[Any]:
        """Call the callbacks and wait until every one has finished.

        Needs no open bus. Cancelled, it cancels its callbacks and waits for them; see
        `Signal.aemit`.

        Returns:
            The values of those that ran: sync ones first, each in order.

        Raises:
            CallbackErrors: callbacks failed; all have been called.
            MalformedKeyError: this is no event and no name.
        """
        run, payload = self._run_and_payload(event, payload)
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
        self, event: Any, payload: Any = _MISSING, *, id: str | None = None
    ) -> Promise[list[Any]]:
        """Do what `aemit` does, in the background.

        Returns:
            A promise of the values. If it fails and nobody handles that by the end of
            the turn, the failure goes to ``on_error``.

        Raises:
            BusNotOpenError: the bus is not open.
            WrongThreadError: called from another thread than the bus's.
            MalformedKeyError: this is no event and no name.
        """
        return self.soon(*self._run_and_payload(event, payload), id)

    @overload
    def emit_threadsafe(
        self, event: str, payload: object = None, *, id: str | None = None
    ) -> Future[list[Any]]: ...

    @overload
    def emit_threadsafe(
        self, event: object, *, id: str | None = None
    ) -> Future[list[Any]]: ...

    def emit_threadsafe(
        self, event: Any, payload: Any = _MISSING, *, id: str | None = None
    ) -> Future[list[Any]]:
        """Do what `aemit` does in the bus, from any thread; wake an idle loop at once.

        Returns:
            A future with the values or the failure. Until the emission has begun it can
            be cancelled. To wait for it in the bus's own thread would wait for ever.

        Raises:
            BusNotOpenError: the bus is not open, or its loop has ended.
            MalformedKeyError: this is no event and no name.
        """
        run, payload = self._run_and_payload(event, payload)

        return self.emit_from_thread(run, payload, id)

    def _run_and_payload(self, event: Any, payload: Any) -> tuple[Run, Any]:
        by_name = payload is not _MISSING
        key = concrete(event, by_name=by_name)

        if not by_name:
            payload = None if isinstance(key, str) else event

        return self.run_of(key), payload

    def run(
        self, async_fn: Callable[[Unpack[A]], Awaitable[T]], *args: *A
    ) -> Promise[T]:
        """Run an async function as a background task of the bus.

        Returns:
            A promise of its result. Cancelling the promise cancels the task. A failure
            that nobody handles goes to ``on_error``.

        Raises:
            BusNotOpenError: the bus is not open.
            WrongThreadError: called from another thread than the bus's.
        """
        self.check_background(async_fn, "")
        return run_in(self.home(), async_fn, *args)
