"""`Bus`: many events, many callbacks, and one owner of all that runs."""

from __future__ import annotations

__all__ = ("Bus",)

from collections.abc import Awaitable, Callable
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    TypeVarTuple,
    Unpack,
    overload,
)

from upcall._promises.promise import Promise
from upcall._promises.start import run_in

from . import emission
from .background import OnError
from .calls import Run
from .envelope import Envelope
from .options import OnOptions
from .owner import Owner
from .routes import check_subscribable, concrete
from .signal import Decorator, Signal
from .stream import Overflow, Stream
from .subscription import Key, Subscription
from .waits import Wait

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")
A = TypeVarTuple("A")


class _Missing:
    """The payload of an emission that was given none."""


_MISSING: Any = _Missing()


class Bus(Owner):
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

    def __init__(
        self,
        *,
        on_error: OnError = "log",
        grace: float | None = None,
        trace: bool = False,
        retain: int = 0,
    ) -> None:
        super().__init__(on_error=on_error, grace=grace, trace=trace, retain=retain)
        self._signals: dict[Key, Signal[Any]] = {}

    # Subscribe

    @overload
    def on(
        self,
        key: type[T],
        callback: Callable[[Envelope[T]], R],
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[Envelope[T]], R]: ...

    @overload
    def on(
        self,
        key: type[T],
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[T], R]: ...

    @overload
    def on(
        self,
        key: str,
        callback: Callable[[Any], R],
        /,
        *,
        envelope: bool = ...,
        once: bool = ...,
        **options: Unpack[OnOptions[Any]],
    ) -> Subscription[[Any], R]: ...

    @overload
    def on(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def on(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[T]: ...

    @overload
    def on(
        self,
        key: str,
        /,
        *,
        envelope: bool = ...,
        once: bool = ...,
        **options: Unpack[OnOptions[Any]],
    ) -> Decorator[Any]: ...

    def on(
        self,
        key: Any,
        callback: Callable[[Any], Any] | None = None,
        /,
        *,
        envelope: bool = False,
        once: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback to a key, and return its `Subscription`.

        Without a callback it is a decorator that returns the function.

        Args:
            key: an event class (its subclasses are heard too), a name, or a pattern.
            callback: takes the payload.
            envelope: the callback takes the `Envelope` instead.
            once: for one call.
            **options: as for `Signal.on`.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: the callback cannot take the payload, or an option makes no
                sense for it.
            BusNotOpenError: something is retained for an async callback, and the bus
                is not open.
        """
        if callback is not None:
            return self.subscribe(
                key, callback, once=once, envelope=envelope, given=options
            )

        check_subscribable(key)

        def decorate(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.subscribe(key, callback, once=once, envelope=envelope, given=options)
            return callback

        return decorate

    @overload
    def once(
        self, key: type[T], callback: Callable[[T], R], /, **options: Any
    ) -> Subscription[[T], R]: ...

    @overload
    def once(
        self, key: str, callback: Callable[[Any], R], /, **options: Any
    ) -> Subscription[[Any], R]: ...

    @overload
    def once(self, key: type[T], /, **options: Any) -> Decorator[T]: ...

    @overload
    def once(self, key: str, /, **options: Any) -> Decorator[Any]: ...

    def once(
        self, key: Any, callback: Callable[[Any], Any] | None = None, /, **options: Any
    ) -> Any:
        """Subscribe a callback for one call; else like `on`."""
        if callback is None:
            return self.on(key, once=True, **options)

        return self.on(key, callback, once=True, **options)

    @overload
    def signal(
        self, key: type[T], /, *, sequential: bool = ..., retain: int = ...
    ) -> Signal[T]: ...

    @overload
    def signal(
        self, key: str, /, *, sequential: bool = ..., retain: int = ...
    ) -> Signal[Any]: ...

    def signal(
        self, key: Any, /, *, sequential: bool = False, retain: int = 0
    ) -> Signal[Any]:
        """Return the signal of a class or name on this bus: always the same one.

        Args:
            key: an event class or a name.
            sequential: call strictly one after the other, whoever emits.
            retain: how many of the last emissions late subscribers get.

        Raises:
            MalformedKeyError: this is neither, or a pattern.
            OptionError: another option makes no sense.
        """
        signal = self._signals.get(key)

        if signal is None:
            signal = Signal(key, bus=self)
            self._signals[key] = signal

        self.set_up(key, sequential=sequential, retain=retain)
        return signal

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

    # Wait

    @overload
    def next(
        self, key: type[T], /, *, when: Callable[[T], object] | None = None
    ) -> Promise[T]: ...

    @overload
    def next(
        self, key: str, /, *, when: Callable[[Any], object] | None = None
    ) -> Promise[Any]: ...

    def next(
        self, key: Any, /, *, when: Callable[[Any], object] | None = None
    ) -> Promise[Any]:
        """Make a promise of the next payload of a key (for which ``when`` is true).

        It is subscribed at once, and rejected if the bus closes before.
        """
        return self.next_of(key, when)

    @overload
    def wait_for(
        self,
        key: type[T],
        /,
        *,
        when: Callable[[T], object] | None = None,
        timeout: float | None = None,
    ) -> Wait[T]: ...

    @overload
    def wait_for(
        self,
        key: str,
        /,
        *,
        when: Callable[[Any], object] | None = None,
        timeout: float | None = None,
    ) -> Wait[Any]: ...

    def wait_for(
        self,
        key: Any,
        /,
        *,
        when: Callable[[Any], object] | None = None,
        timeout: float | None = None,
    ) -> Wait[Any]:
        """Wait for the next payload of a key: ``await bus.wait_for(OrderPaid)``.

        It is subscribed from this call on, so nothing is missed before the ``await``.
        Cancelled, it is no longer subscribed.

        Raises:
            TimeoutError: ``timeout`` seconds after this call there was none.
            BusNotOpenError: the bus was closed meanwhile.
        """
        promise = self.next_of(key, when)
        return Wait(promise if timeout is None else promise.timeout(timeout))

    @overload
    def stream(
        self, key: type[T], /, capacity: int = 100, overflow: Overflow = "block"
    ) -> Stream[T]: ...

    @overload
    def stream(
        self, key: str, /, capacity: int = 100, overflow: Overflow = "block"
    ) -> Stream[Any]: ...

    def stream(
        self, key: Any, /, capacity: int = 100, overflow: Overflow = "block"
    ) -> Stream[Any]:
        """Make a stream of the payloads of a key; see `Stream`.

        Args:
            key: an event class, a name or a pattern.
            capacity: how many payloads it buffers.
            overflow: ``"block"`` (`aemit` waits for room), ``"drop_oldest"``,
                ``"drop_newest"`` or ``"error"``.
        """
        return self.stream_of(key, capacity, overflow)
