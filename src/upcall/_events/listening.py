"""The listening half of a bus: subscribe, and wait for what comes."""

from __future__ import annotations

__all__ = ("Listening",)

from collections.abc import Callable
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

from .background import OnError
from .envelope import Envelope
from .options import OnOptions
from .owner import Owner
from .routes import check_subscribable
from .signal import Decorator, Signal
from .stream import Overflow, Stream
from .subscription import Key, Subscription
from .waits import Wait

if TYPE_CHECKING:  # concurrent.futures brings logging, at the cost of the whole core
    pass

T = TypeVar("T")
R = TypeVar("R")
A = TypeVarTuple("A")


class Listening(Owner):
    """What a bus offers to those who listen; see `Bus`."""

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
            BusNotOpenError: something is retained for an async callback, and the bus
                is not open.
        """
        return self._subscribe(
            key, callback, once=once, envelope=envelope, given=options
        )

    def _subscribe(
        self,
        key: Any,
        callback: Callable[[Any], Any] | None,
        *,
        once: bool,
        envelope: bool,
        given: dict[str, Any],
    ) -> Any:
        if callback is not None:
            return self.subscribe(
                key, callback, once=once, envelope=envelope, given=given
            )

        check_subscribable(key)

        def decorate(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.subscribe(key, callback, once=once, envelope=envelope, given=given)
            return callback

        return decorate

    @overload
    def once(
        self,
        key: type[T],
        callback: Callable[[Envelope[T]], R],
        /,
        *,
        envelope: Literal[True],
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[Envelope[T]], R]: ...

    @overload
    def once(
        self,
        key: type[T],
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[T], R]: ...

    @overload
    def once(
        self,
        key: str,
        callback: Callable[[Any], R],
        /,
        *,
        envelope: bool = ...,
        **options: Unpack[OnOptions[Any]],
    ) -> Subscription[[Any], R]: ...

    @overload
    def once(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[True],
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def once(
        self,
        key: type[T],
        /,
        *,
        envelope: Literal[False] = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[T]: ...

    @overload
    def once(
        self,
        key: str,
        /,
        *,
        envelope: bool = ...,
        **options: Unpack[OnOptions[Any]],
    ) -> Decorator[Any]: ...

    def once(
        self,
        key: Any,
        callback: Callable[[Any], Any] | None = None,
        /,
        *,
        envelope: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback for one call; else like `on`."""
        return self._subscribe(
            key, callback, once=True, envelope=envelope, given=options
        )

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
        signal = self._signals.get(check_subscribable(key))

        if signal is None:
            signal = Signal(key, bus=self)
            self._signals[key] = signal

        self.set_up(key, sequential=sequential, retain=retain)
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
