"""`Signal`: one event, typed, on the fast path."""

from __future__ import annotations

__all__ = ("Decorator", "Signal")

from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, Unpack, overload
from weakref import finalize

from upcall._promises.promise import Promise
from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import check_name

from . import emission
from .calls import Run, plan_of
from .envelope import Envelope
from .failures import failed, noted
from .hub import Hub
from .options import OnOptions
from .plan import AsyncCallback, Plan
from .routes import check_subscribable, concrete
from .stream import Overflow, Stream
from .subscription import Key, Subscription
from .table import LOCK

T = TypeVar("T")
R = TypeVar("R")


class Decorator(Protocol[T]):
    """What ``on(**options)`` gives: takes the callback and returns it as it is."""

    def __call__(self, callback: Callable[[T], R], /) -> Callable[[T], R]:
        """Subscribe the callback."""
        ...


class Signal(Generic[T]):
    """One event that callbacks can be subscribed to.

    It stands alone; or is declared in the body of a class, and then each instance has
    one of its own; or belongs to a bus, and is heard by all who are subscribed there to
    its name or to a pattern that matches it.

    Subscribing, unsubscribing and emitting to sync callbacks may be done from any
    thread. Async callbacks of `emit` run in the open bus; `aemit` needs none.

    A declared signal is kept in its instance and does not keep it alive. It is not
    pickled and not deep-copied with it; `copy.copy` shares it, as it shares all
    attributes.

    Args:
        name: what the event is called: dotted segments; of a declared signal, the name
            of the attribute by default.
        bus: the bus it belongs to.
        sequential: call strictly one after the other, each finished before the next.
        retain: how many of the last emissions late subscribers get.

    Raises:
        MalformedKeyError: the name is no name.
        OptionError: another option makes no sense.
    """

    __slots__ = (
        "__weakref__",
        "_declared",
        "_hub",
        "_key",
        "_retain",
        "_run",
        "_sequential",
        "_turn",
    )

    def __init__(
        self,
        name: str | type[T] = "",
        *,
        bus: Hub | None = None,
        sequential: bool = False,
        retain: int = 0,
    ) -> None:
        key = name if isinstance(name, type) else check_name(name) if name else ""
        self._key: Key = check_subscribable(key) if key else key
        self._run: Run | None = None
        self._turn: tuple[AsyncCallback, ...] = ()
        self._declared: str | None = None
        self._hub = Hub() if bus is None else bus
        self._sequential = sequential
        self._retain = retain
        self._hub.set_up(self._key, sequential=sequential, retain=retain)
        self._hub.bind(self._key, self)

    @property
    def name(self) -> str:
        """The name of the event."""
        return self._key if isinstance(self._key, str) else self._key.__qualname__

    # Subscribing

    @overload
    def on(
        self,
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
        /,
        *,
        envelope: Literal[True],
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def on(
        self,
        /,
        *,
        envelope: Literal[False] = ...,
        once: bool = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Decorator[T]: ...

    def on(
        self,
        callback: Callable[[Any], Any] | None = None,
        /,
        *,
        envelope: bool = False,
        once: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback, and return its `Subscription`.

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
            BusNotOpenError: something is retained for an async callback, and there is
                no open bus to start it in.
        """
        return self._subscribe(callback, once=once, envelope=envelope, given=options)

    @overload
    def once(
        self,
        callback: Callable[[Envelope[T]], R],
        /,
        *,
        envelope: Literal[True],
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[Envelope[T]], R]: ...

    @overload
    def once(
        self,
        callback: Callable[[T], R],
        /,
        *,
        envelope: Literal[False] = ...,
        **options: Unpack[OnOptions[T]],
    ) -> Subscription[[T], R]: ...

    @overload
    def once(
        self, /, *, envelope: Literal[True], **options: Unpack[OnOptions[T]]
    ) -> Decorator[Envelope[T]]: ...

    @overload
    def once(
        self, /, *, envelope: Literal[False] = ..., **options: Unpack[OnOptions[T]]
    ) -> Decorator[T]: ...

    def once(
        self,
        callback: Callable[[Any], Any] | None = None,
        /,
        *,
        envelope: bool = False,
        **options: Any,
    ) -> Any:
        """Subscribe a callback for one call; else like `on`."""
        return self._subscribe(callback, once=True, envelope=envelope, given=options)

    def _subscribe(
        self,
        callback: Callable[[Any], Any] | None,
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

        if callback is not None:
            return subscribe(callback)

        def decorate(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
            subscribe(callback)
            return callback

        return decorate

    def off(self, callback: Callable[..., Any]) -> bool:
        """End the newest subscription of a callback; tell whether there was one."""
        return self._hub.off(self._key, callback)

    def subscriptions(self) -> list[Subscription[..., Any]]:
        """Return the subscriptions to this signal, by time of subscription."""
        return self._hub.subscriptions(self._key)

    # Emitting

    @overload
    def emit(
        self: Signal[None], payload: None = None, *, id: str | None = None
    ) -> int: ...

    @overload
    def emit(self, payload: T, *, id: str | None = None) -> int: ...

    def emit(self, payload: Any = None, id: str | None = None) -> int:
        """Call the callbacks now.

        Sync callbacks have run when it returns; async ones have been started in the
        open bus. It may be kept, ``emit = signal.emit``, and stays right.

        Args:
            payload: what the callbacks take.
            id: the id for the envelope of this emission.

        Returns:
            How many heard it: called, started or queued.

        Raises:
            CallbackErrors: sync callbacks failed; all have been called.
            BusNotOpenError: there are async callbacks and no open bus; no callback has
                been called.
            WrongThreadError: likewise, in another thread than the bus's.
        """
        run = self._run

        if run is None:
            run = self._plan(payload)

        if id is None:
            return run(payload)

        return emission.emit(run, payload, id)

    @overload
    async def aemit(
        self: Signal[None], payload: None = None, *, id: str | None = None
    ) -> list[Any]: ...

    @overload
    async def aemit(self, payload: T, *, id: str | None = None) -> list[Any]: ...

    async def aemit(self, payload: Any = None, *, id: str | None = None) -> list[Any]:
        """Call the callbacks and wait until every one has finished.

        Async callbacks run at the same time, in the caller's cancel scope; one alone
        runs in the caller's task. It waits for nothing else: no checkpoint of its own.
        Cancelled, it cancels its callbacks and waits for them.

        Returns:
            The values of those that ran: sync ones first, each in order.

        Raises:
            CallbackErrors: callbacks failed; all have been called.
        """
        if not self._turn or id is not None:
            return await emission.aemit(self._settled(payload), payload, id)

        # The fast path of signals that stand alone: not a call more than needs be.
        values: list[Any] = []
        errors: list[Exception] = []

        for callback in self._turn:
            try:
                values.append(await callback(payload))
            except Exception as error:  # noqa: BLE001 (raised in a group)
                errors.append(noted(error, callback, self.name))

        if errors:
            raise failed(errors, self.name)

        return values

    @overload
    def emit_soon(
        self: Signal[None], payload: None = None, *, id: str | None = None
    ) -> Promise[list[Any]]: ...

    @overload
    def emit_soon(self, payload: T, *, id: str | None = None) -> Promise[list[Any]]: ...

    def emit_soon(self, payload: Any = None, *, id: str | None = None) -> Promise[Any]:
        """Do what `aemit` does, in the background of the open bus.

        Returns:
            A promise of the values. If it fails and nobody handles that, the failure
            goes to the bus's ``on_error``.

        Raises:
            BusNotOpenError: there is no open bus.
            WrongThreadError: called from another thread than the bus's.
        """
        run = self._settled(payload)
        return self._hub.soon(run, payload, id)

    def _plan(self, payload: object) -> Run:
        """Find the run, and keep it; of a class, each payload may have its own."""
        if self._declared is not None or not self._key:
            self._check_usable()

        if isinstance(self._key, str):
            with LOCK:  # or a change in between would be missed for ever
                self._run = run = self._hub.run_of(self._key)
                plan: Plan = plan_of(run)
                self._turn = plan.turn if plan.host is None else ()

            return run

        if not isinstance(payload, self._key):
            raise MalformedKeyError(
                f"{payload!r} is no {self._key.__qualname__}: emit an instance of it"
            )

        return self._hub.run_of(concrete(payload, by_name=False))

    def _settled(self, payload: object) -> Run:
        return self._plan(payload) if self._run is None else self._run

    def reset(self) -> None:
        """Forget the run: subscriptions have changed. The hub calls this."""
        self._turn = ()

        self._run = None

    # Waiting

    def next(self, when: Callable[[T], object] | None = None) -> Promise[T]:
        """Make a promise of the next payload (for which ``when`` is true).

        It is subscribed at once. A pending one is rejected when the bus closes.
        """
        self._check_usable()
        return self._hub.next_of(self._key, when)

    def stream(self, capacity: int = 100, overflow: Overflow = "block") -> Stream[T]:
        """Make a stream of the payloads; see `Stream`."""
        self._check_usable()
        return self._hub.stream_of(self._key, capacity, overflow)

    # Declared on a class

    def __set_name__(self, owner: type[Any], name: str) -> None:
        if self._hub.as_host is None:
            self._declared = name
            self._key = self._key or name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any]) -> Signal[T]: ...

    def __get__(self, instance: object, owner: type[Any]) -> Signal[T]:
        """Return the instance's own signal; make it at the first access.

        The signal of a bus is the same for all, wherever it stands.
        """
        if instance is None or self._declared is None:
            return self

        kept = getattr(instance, "__dict__", None)
        own = _elsewhere(instance) if kept is None else kept

        # In a dict of the instance it is found without us from now on.
        with LOCK:
            if self._declared not in own:
                own[self._declared] = self._blank()

        signal: Signal[T] = own[self._declared]
        return signal

    def _check_usable(self) -> None:
        if self._declared is not None:
            raise OptionError(
                f"{self._declared!r} is the declaration of a signal: each instance of "
                "the class has its own, use that"
            )

        if not self._key:
            raise MalformedKeyError("a signal needs a name: Signal('order.paid')")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._blank()

    def _blank(self) -> Self:
        return type(self)(self._key, sequential=self._sequential, retain=self._retain)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._key, self._sequential, self._retain)

    def __repr__(self) -> str:
        count = len(self.subscriptions()) if self._key else 0
        return f"<Signal {self.name!r}, {count} subscriptions>"


def _restore(
    kind: type[Signal[Any]], key: Any, sequential: bool, retain: int
) -> Signal[Any]:
    return kind(key, sequential=sequential, retain=retain)


_kept_elsewhere: dict[int, dict[Any, Any]] = {}


def _elsewhere(instance: object) -> dict[Any, Any]:
    """Keep signals for an instance with slots, by its identity, until it dies."""
    found = _kept_elsewhere.get(id(instance))

    if found is not None:
        return found

    try:
        finalize(instance, _kept_elsewhere.pop, id(instance), None).atexit = False
    except TypeError:
        raise OptionError(
            f"a {type(instance).__qualname__} has neither __dict__ nor __weakref__: "
            "its signals can be kept nowhere; add one of them to its slots"
        ) from None

    return _kept_elsewhere.setdefault(id(instance), {})
