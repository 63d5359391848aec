"""Waiting for the next emission, as a promise."""

from __future__ import annotations

__all__ = ("Wait", "Waits", "next_payload")

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from upcall._promises.home import Home
from upcall._promises.promise import Promise, quiet
from upcall._promises.start import deferred
from upcall.errors import BusNotOpenError

from .policies import NOTHING
from .subscription import Subscription

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Subscribe = Callable[[Callable[[Any], object]], Subscription[..., Any]]


class Waits:
    """The promises of a bus that wait for an emission, to be rejected at its end."""

    def __init__(self) -> None:
        self._pending: set[_Waiting] = set()
        self.ended = False

    def add(self, waiting: _Waiting) -> None:
        """Know of one."""
        self._pending.add(waiting)

    def discard(self, waiting: _Waiting) -> None:
        """Forget one."""
        self._pending.discard(waiting)

    def __len__(self) -> int:
        return len(self._pending)

    def end(self) -> None:
        """Reject all of them, and all that come later."""
        self.ended = True

        for waiting in tuple(self._pending):
            waiting.refuse()


class _Waiting:
    """One promise of an emission, and the subscription that it lives from."""

    def __init__(self, home: Home, waits: Waits | None) -> None:
        self._home = home
        self._waits = waits
        self.subscription: Subscription[..., Any] | None = None
        self.promise, self._resolve, self._reject = deferred(home, source=self)

        if waits is not None:
            waits.add(self)

    def __call__(self, payload: object) -> object:
        """Hear the emission, in whatever thread it happens."""
        self._home.loop.call_inside(self._settle, payload)
        return NOTHING

    def _settle(self, payload: object) -> None:
        """Fulfil with the payload as it is, even if it has a ``then``."""
        self._resolve(Promise.fulfilled(payload))
        self._forget()

    def cancel(self) -> None:
        """Stop waiting: the promise was cancelled."""
        if self.subscription is not None:
            self.subscription.cancel()

        self._forget()

    def refuse(self) -> None:
        """Reject: the bus is closing. Nobody need hear of it who did not ask."""
        quiet(self.promise)
        self._reject(BusNotOpenError("the bus was closed while this waited for it"))
        self.cancel()

    def _forget(self) -> None:
        self.subscription = None  # it has us, and we have the payload

        if self._waits is not None:
            self._waits.discard(self)


def next_payload(subscribe: Subscribe, home: Home, waits: Waits | None) -> Promise[Any]:
    """Make a promise of the next payload, subscribed from now on.

    Args:
        subscribe: subscribes a callback for one call.
        home: the home of the promise.
        waits: those to be rejected when a bus closes.
    """
    waiting = _Waiting(home, waits)
    waiting.subscription = subscribe(waiting)

    if waits is not None and waits.ended:
        waiting.refuse()

    return waiting.promise


class Wait(Generic[T_co]):
    """The awaitable of `wait_for`: subscribed already; given up when its await ends."""

    def __init__(self, promise: Promise[T_co]) -> None:
        quiet(promise)  # it may well be settled before it is awaited
        self._promise = promise

    def __await__(self) -> Generator[Any, Any, T_co]:
        try:
            return (yield from self._promise.__await__())
        finally:
            self._promise.cancel()
