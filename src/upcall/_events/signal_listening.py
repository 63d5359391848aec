"""The listening half of a signal: subscribe."""

from __future__ import annotations

__all__ = ("SignalListening",)

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from upcall._promises.arguments import check_function
from upcall.errors import MalformedKeyError, OptionError

from .envelope import Envelope
from .hub import Hub
from .options import MISSING, Decorator, OnOptions
from .subscription import Key, Subscription

T = TypeVar("T")
R = TypeVar("R")


class SignalListening(Generic[T]):
    """What a signal offers to those who listen; see `Signal`."""

    __slots__ = ("_declared", "_hub", "_key")

    _hub: Hub

    def __init__(self, key: Key, hub: Hub) -> None:
        self._key = key
        self._hub = hub
        self._declared: str | None = None
        """The name of the attribute, if this is but the declaration on a class."""

    @overload
    def on(
        self,
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
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[T], R]: ...

    @overload
    def on(
        self,
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
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[T]: ...

    def on(
        self,
        callback: Callable[[Any], Any] = MISSING,
        /,
        *,
        envelope: bool = False,
        once: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback, and return its `Subscription`. From any thread.

        It is kept alive until it is unsubscribed. Emissions that have begun do not see
        it, all later ones do. What is retained it is called with inside this call.

        Without a callback it is a decorator, ``@signal.on(priority=1)``, that returns
        the function. A bare ``@signal.on`` is the first form: the name then holds the
        Subscription, which can be called like the function.

        Args:
            callback: takes the payload.
            envelope: the callback takes the `Envelope` instead.
            once: for one call.
            **options: in the order in which they are heeded:

                - ``priority``: higher first; 0 by default.
                - ``when``: a sync predicate of the payload.
                - ``weak``: do not keep a method's object alive.
                - ``debounce``, ``throttle``: seconds. The callback, sync ones too,
                  runs in the background of an open bus: debounced, once, with the
                  newest payload, after a quiet time; throttled, at once, then at most
                  once per interval, with the newest. `aemit` does not wait for it;
                  draining and closing run what is pending.
                - ``overlap``: what an async callback does with an emission that comes
                  while it still runs, whoever emits: ``"merge"`` runs beside it (the
                  default), ``"queue"`` waits for its turn, ``"drop"`` is dropped,
                  ``"latest"`` keeps the newest waiting, ``"restart"`` cancels the
                  running one. What did not run leaves no value.
                - ``concurrency``: at most so many runs at once; the rest queue.
                - ``timeout``: seconds for one run, then `CallbackTimeoutError`. A
                  thread cannot be stopped: its failure comes when it ends.
                - ``thread``: a blocking callback, run in a worker thread.
                - ``kind``: ``"async"`` for a sync function that returns awaitables.

        Raises:
            OptionError: the callback cannot take the payload, or an option makes no
                sense for it.
            CallbackErrors: the callback failed with something that was retained; it is
                not subscribed.
            BusNotOpenError: something is retained for an async callback, and there is
                no open bus to start it in.
            WrongThreadError: likewise, in another thread than the bus's.
        """
        return self._subscribe(callback, once=once, envelope=envelope, given=options)

    @overload
    def once(
        self,
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
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Subscription[[T], R]: ...

    @overload
    def once(
        self,
        /,
        *,
        envelope: Literal[True],
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def once(
        self,
        /,
        *,
        envelope: Literal[False] = ...,
        when: Callable[[T], object] | None = ...,
        **options: Unpack[OnOptions],
    ) -> Decorator[T]: ...

    def once(
        self,
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
        return self._subscribe(callback, once=True, envelope=envelope, given=options)

    def _subscribe(
        self,
        callback: Callable[[Any], Any],
        *,
        once: bool,
        envelope: bool,
        given: dict[str, Any],
    ) -> Any:
        self._check_usable()

        def subscribe(callback: Callable[[Any], Any]) -> Subscription[..., Any]:
            return self._hub.subscribe(
                self._key, callback, once=once, envelope=envelope, given=given
            )

        if callback is not MISSING:
            return subscribe(callback)

        def decorate(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
            subscribe(callback)
            return callback

        return decorate

    def off(self, callback: Callable[..., Any]) -> bool:
        """End the newest subscription of a callback, as `Subscription.cancel` does.

        From any thread.

        Returns:
            Whether there was one.

        Raises:
            OptionError: this is no callback.
        """
        check_function(callback, "off", "the callback that was subscribed")
        return self._hub.off(self._key, callback)

    def subscriptions(self) -> list[Subscription[..., Any]]:
        """Return the subscriptions to this signal, by time. From any thread."""
        return [*self._hub.subscriptions(self._key)]

    def _check_usable(self) -> None:
        if self._declared is not None:
            raise OptionError(
                f"{self._declared!r} is the declaration of a signal: each instance of "
                "the class has its own, use that"
            )

        if not self._key:
            raise MalformedKeyError("a signal needs a name: Signal('order.paid')")
