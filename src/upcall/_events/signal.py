"""`Signal`: one event, typed, on the fast path."""

from __future__ import annotations

__all__ = ("Signal",)

from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

from upcall._promises.promise import Promise
from upcall.errors import MalformedKeyError
from upcall.keys import check_name

from . import emission
from .calls import Run, plan_of
from .declared import signals_of
from .failures import awaited_failure, failed, noted
from .hub import Hub
from .inside import AnyBus, hub_of
from .plan import AsyncCallback, Plan
from .routes import check_subscribable, concrete
from .signal_listening import SignalListening
from .stream import Overflow, Stream
from .subscription import Key
from .table import LOCK

T = TypeVar("T")


class Signal(SignalListening[T]):
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
        "_retain",
        "_run",
        "_sequential",
        "_turn",
    )

    def __init__(
        self,
        name: str | type[T] = "",
        *,
        bus: AnyBus | None = None,
        sequential: bool = False,
        retain: int = 0,
    ) -> None:
        super().__init__(_key_of(name), Hub() if bus is None else hub_of(bus))
        self._run: Run | None = None
        self._turn: tuple[AsyncCallback, ...] = ()
        self._sequential = sequential
        self._retain = retain
        self._hub.set_up(self._key, sequential=sequential, retain=retain)
        self._hub.bind(self._key, self, type(self)._reset)  # noqa: SLF001 (our own)

    @property
    def name(self) -> str:
        """The name of the event."""
        return self._key if isinstance(self._key, str) else self._key.__qualname__

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
        open bus. It may be kept, ``emit = signal.emit``, and stays right. From any
        thread, if all that hear it are sync.

        Args:
            payload: what the callbacks take.
            id: the id for the envelope of this emission: 1 to 200 printable ASCII
                characters, without dots and spaces.

        Returns:
            How many heard it: called, started or queued.

        Raises:
            CallbackErrors: sync callbacks failed; all have been called.
            BusNotOpenError: there are async callbacks and no open bus; no callback has
                been called.
            WrongThreadError: likewise, in another thread than the bus's.
            MalformedKeyError: it is the signal of a class, and this no instance of it.
            OptionError: this cannot be an id; or the signal is but declared.
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
        Cancelled or timed out, it cancels its callbacks and waits for them: nothing is
        left behind. In any thread that has a loop; debounced and throttled callbacks
        need the open bus, in its own.

        Returns:
            The values of those that ran: sync ones first, each in order.

        Raises:
            CallbackErrors: callbacks failed; all have been called.
            BusNotOpenError: a callback is debounced or throttled, and there is no open
                bus; no callback has been called.
            WrongThreadError: likewise, in another thread than the bus's.
            MalformedKeyError: it is the signal of a class, and this no instance of it.
            OptionError: this cannot be an id; or the signal is but declared.
        """
        if not self._turn or id is not None:
            return await emission.aemit(self._settled(payload), payload, id)

        # The fast path of signals that stand alone: not a call more than needs be.
        values: list[Any] = []
        errors: list[Exception] = []

        for callback in self._turn:
            try:
                values.append(await callback(payload))
            except BaseException as error:  # noqa: BLE001 (in a group, or raised again)
                errors.append(noted(awaited_failure(error), callback, self.name))

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
            goes to the bus's ``on_error``. Cancelling it cancels the callbacks.

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

    def _reset(self) -> None:
        """Forget the run: subscriptions have changed. The hub calls this."""
        self._turn = ()
        self._run = None

    # Waiting

    def next(self, when: Callable[[T], object] | None = None) -> Promise[T]:
        """Make a promise of the next payload (for which ``when`` is true).

        It is subscribed at once, and no more when it is settled or cancelled. A pending
        one is rejected when the bus closes. As `Bus.next`, also in what it raises.
        """
        self._check_usable()
        return self._hub.next_of(self._key, when)

    def stream(self, capacity: int = 100, overflow: Overflow = "block") -> Stream[T]:
        """Make a stream of the payloads; see `Stream` and `Bus.stream`."""
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

        own = signals_of(instance)

        # In a dict of the instance it is found without us from now on.
        with LOCK:
            if self._declared not in own:
                own[self._declared] = self._blank()

        signal: Signal[T] = own[self._declared]
        return signal

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._blank()

    def _blank(self) -> Self:
        return type(self)(self._key, sequential=self._sequential, retain=self._retain)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._key, self._sequential, self._retain)

    def __repr__(self) -> str:
        count = len(self.subscriptions()) if self._key else 0
        return f"<Signal {self.name!r}, {count} subscriptions>"


def _key_of(name: object) -> Key:
    """Check what a signal is called; nothing is what one on a class may be called."""
    if isinstance(name, type):
        return check_subscribable(name)

    return "" if name == "" else check_name(name)


def _restore(
    kind: type[Signal[Any]], key: Any, sequential: bool, retain: int
) -> Signal[Any]:
    return kind(key, sequential=sequential, retain=retain)
