"""The listening half of a bus: subscribe, and wait for what comes."""

from __future__ import annotations

__all__ = ("Listening",)

from collections.abc import Callable
from typing import Any, Literal, TypeVar, Unpack, overload

from upcall._promises.arguments import check_function, check_seconds
from upcall._promises.promise import Promise
from upcall._promises.timing import timed

from .envelope import Envelope
from .inside import AnyBus
from .options import MISSING, Decorator, OnOptions
from .owner import Owner
from .routes import check_subscribable
from .signal import Signal
from .stream import Overflow, Stream
from .subscription import Key, Subscription
from .table import LOCK
from .waits import Wait

T = TypeVar("T")
R = TypeVar("R")


class Listening(AnyBus):
    """What a bus offers to those who listen; see `Bus`."""

    def __init__(self, hub: Owner) -> None:
        self._hub = hub
        self._signals: dict[Key, Signal[Any]] = {}

    # Subscribe

    @overload
    def on(
        self,
        key: str,
        callback: Callable[[Envelope[Any]], R],
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[Envelope[Any]], R]: ...

    @overload
    def on(
        self,
        key: str,
        callback: Callable[[Any], R],
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[Any], R]: ...

    @overload
    def on(
        self,
        key: str,
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Envelope[Any]]: ...

    @overload
    def on(
        self,
        key: str,
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Any]: ...

    @overload
    def on(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def on(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[T]: ...

    @overload
    def on(
        self,
        key: type[T],
        callback: Callable[[Envelope[T]], R],
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
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
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[T], R]: ...

    def on(
        self,
        key: Any,
        callback: Callable[[Any], Any] = MISSING,
        /,
        *,
        envelope: bool = False,
        once: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback to a key, and return its `Subscription`.

        Without a callback it is a decorator that returns the function. The callback is
        kept alive until it is unsubscribed; the bus need not be open. From any thread:
        emissions that have begun do not see it, all later ones do. What is retained it
        is called with inside this call.

        Args:
            key: an event class (its subclasses are heard too), a name, or a pattern:
                ``*`` is one segment, ``**`` any number, none included. No wildcard
                stands for a first segment ``webhook``: those names tell of deliveries.
            callback: takes the payload.
            envelope: the callback takes the `Envelope` instead.
            once: for one call.
            **options: as for `Signal.on`.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: the callback cannot take the payload, or an option makes no
                sense for it.
            CallbackErrors: the callback failed with something that was retained; it is
                not subscribed.
            BusNotOpenError: something is retained for an async callback, and the bus
                is not open.
            WrongThreadError: likewise, in another thread than the bus's.
        """
        return self._subscribe(
            key, callback, once=once, envelope=envelope, given=options
        )

    def _subscribe(
        self,
        key: Any,
        callback: Callable[[Any], Any],
        *,
        once: bool,
        envelope: bool,
        given: dict[str, Any],
    ) -> Any:
        def subscribe(callback: Callable[[Any], Any]) -> Subscription[..., Any]:
            return self._hub.subscribe(
                key, callback, once=once, envelope=envelope, given=given
            )

        if callback is not MISSING:
            return subscribe(callback)

        check_subscribable(key)

        def decorate(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
            subscribe(callback)
            return callback

        return decorate

    @overload
    def once(
        self,
        key: str,
        callback: Callable[[Envelope[Any]], R],
        /,
        *,
        envelope: Literal[True],
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[Envelope[Any]], R]: ...

    @overload
    def once(
        self,
        key: str,
        callback: Callable[[Any], R],
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[Any], R]: ...

    @overload
    def once(
        self,
        key: str,
        /,
        *,
        envelope: Literal[True],
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Envelope[Any]]: ...

    @overload
    def once(
        self,
        key: str,
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[Any], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Any]: ...

    @overload
    def once(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[True],
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def once(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[T]: ...

    @overload
    def once(
        self,
        key: type[T],
        callback: Callable[[Envelope[T]], R],
        /,
        *,
        envelope: Literal[True],
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[Envelope[T]], R]: ...

    @overload
    def once(
        self,
        key: type[T],
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[T], R]: ...

    def once(
        self,
        key: Any,
        callback: Callable[[Any], Any] = MISSING,
        /,
        *,
        envelope: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback for one call; else like `on`.

        One call means one, under re-entrance and from several threads too. An emission
        for which ``when`` is false does not use it up.
        """
        return self._subscribe(
            key, callback, once=True, envelope=envelope, given=options
        )

    def off(self, key: type[Any] | str, callback: Callable[..., Any]) -> bool:
        """End the newest subscription of a callback to this very key.

        Ended as by `Subscription.cancel`. From any thread.

        Returns:
            Whether there was one.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: this is no callback.
        """
        check_function(callback, "off", "the callback that was subscribed")
        return self._hub.off(key, callback)

    def subscriptions(
        self, key: type[Any] | str | None = None
    ) -> list[Subscription[..., Any]]:
        """Return the subscriptions to this very key, or all; from any thread.

        By time of subscription, paused ones included. Those who wait (`next`,
        `wait_for`, streams) have one too; interceptors and forwards are not among them.

        Raises:
            MalformedKeyError: this is no key.
        """
        return [*self._hub.subscriptions(key)]

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
        """Return the signal of a class or name on this bus, always the same one.

        What is said of a key holds for all who emit it, here or there, from then on.
        From any thread.

        Args:
            key: an event class or a name.
            sequential: call strictly one after the other, whoever emits.
            retain: how many of the last emissions late subscribers get.

        Raises:
            MalformedKeyError: this is neither, or a pattern.
            OptionError: another option makes no sense.
        """
        check_subscribable(key)

        with LOCK:
            signal = self._signals.get(key)

            if signal is None:
                signal = self._signals[key] = Signal(key, bus=self)

        self._hub.set_up(key, sequential=sequential, retain=retain)
        return signal

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

        It is subscribed at once, and no more when it is settled or cancelled
        (``cancel()``, ``timeout()``). What is retained does not count. It belongs to
        the loop of the open bus, or else to the running one; what it waits for may be
        emitted in any thread. Closing the bus rejects it with `BusNotOpenError`, which
        nobody need handle.

        Args:
            key: an event class, a name or a pattern.
            when: a sync predicate of the payload. If it raises, whoever emits hears.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: ``when`` is no sync function.
            NoRunningLoopError: the bus is not open, and no loop runs here.
        """
        return self._hub.next_of(key, when)

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
        Cancelled, it is no longer subscribed; nobody who never awaits it cancels it, so
        it stays until the event comes. Await it once, in the loop of the open bus, or
        without one in the loop it was called in; what it waits for may be emitted in
        any thread.

        Args:
            key: an event class, a name or a pattern.
            when: a sync predicate of the payload.
            timeout: seconds from this call on; None for ever.

        Raises:
            PromiseTimeoutError: when awaited; there was none in time. It is a
                `TimeoutError`, and names the key.
            BusNotOpenError: when awaited; the bus was closed meanwhile.
            MalformedKeyError: this is no key.
            OptionError: ``when`` or ``timeout`` makes no sense.
            NoRunningLoopError: the bus is not open, and no loop runs here.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)

        promise = self._hub.next_of(key, when)

        if timeout is None:
            return Wait(promise)

        name = key if isinstance(key, str) else key.__qualname__
        return Wait(timed(promise, timeout, f"no {name!r} came"))

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

        It is subscribed from ``async with`` on, and gets what is retained.

        Args:
            key: an event class, a name or a pattern.
            capacity: how many payloads it buffers.
            overflow: ``"block"`` (`aemit` waits for room), ``"drop_oldest"``,
                ``"drop_newest"`` or ``"error"``.

        Raises:
            MalformedKeyError: this is no key.
            OptionError: another argument makes no sense.
        """
        return self._hub.stream_of(key, capacity, overflow)
