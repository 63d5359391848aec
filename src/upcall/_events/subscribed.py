"""A subscription as the tables keep it: what it remembers, and how it ends."""

from __future__ import annotations

__all__ = ("Subscribed", "TableRef", "name_of")

from collections.abc import Callable, Iterable
from itertools import count
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from weakref import ref

from .kinds import describe, is_async, place_of
from .options import DEFAULT, Options
from .policies import Delay, Gate, make_delay, make_gate
from .subscription import Key, Subscription

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_NUMBERS = count()


class _Table(Protocol):
    """Where the subscriptions of one key are kept (see `table`)."""

    def discard(self, subscription: Subscribed[..., Any]) -> bool: ...

    def pause(self, subscription: Subscribed[..., Any], *, paused: bool) -> None: ...

    def __contains__(self, subscription: Subscribed[..., Any]) -> bool: ...


class TableRef(ref[_Table]):
    """How a subscription knows its table, which has it: a cycle would keep both."""

    __slots__ = ("key",)

    key: Key
    """The key of the table, known beyond its end."""


class _Extras:
    """What only a few subscriptions need: kept apart, to keep the others small."""

    __slots__ = ("delay", "gate", "owner", "owner_id", "ticket")

    def __init__(self, options: Options) -> None:
        self.gate: Gate | None = make_gate(options)
        self.delay: Delay | None = make_delay(options)
        self.ticket: list[None] = [None] if options.once else []
        self.owner: ref[Any] | None = None
        self.owner_id: int = 0

    def drop_waiting(self) -> None:
        for policy in (self.delay, self.gate):
            if policy is not None:
                policy.drop_waiting()


class Subscribed(Subscription[P, R_co]):
    """A subscription, with what tables and plans have to know of it."""

    __slots__ = (
        "__weakref__",
        "_table",
        "extras",
        "is_async",
        "number",
        "older",
        "options",
        "paused",
        "target",
    )

    is_async: bool
    target: Callable[P, R_co]

    def __init__(
        self, table: TableRef, callback: Callable[P, R_co], options: Options
    ) -> None:
        self._table = table
        self.target = callback
        self.options: Options = options
        self.number: int = next(_NUMBERS)
        self.older: Subscribed[..., Any] | None = None
        self.paused: bool = False
        self.extras: _Extras | None = None

        if options is DEFAULT:
            self.is_async = is_async(callback)
        else:
            self._set_up()

    def _set_up(self) -> None:
        options = self.options
        delayed = options.debounce is not None or options.throttle is not None
        known_async = options.kind == "async" or options.thread or delayed
        self.is_async = known_async or is_async(self.target)
        self.extras = _Extras(options)

        if options.weak:
            method = cast("MethodType", self.target)
            self.target = cast("Callable[P, R_co]", method.__func__)
            self.extras.owner = ref(method.__self__, _Reaper(self))
            self.extras.owner_id = id(method.__self__)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the callback itself."""
        callback = self.callback

        if callback is None:
            raise ReferenceError(f"the object of {describe(self.target)} is gone")

        return callback(*args, **kwargs)

    @property
    def key(self) -> Key:
        """What it is subscribed to."""
        return self._table.key

    @property
    def callback(self) -> Callable[P, R_co] | None:
        """The callback, of a weak method as long as there is one."""
        if self.extras is None or self.extras.owner is None:
            return self.target

        owner = self.extras.owner()
        bound = None if owner is None else MethodType(self.target, owner)

        return cast("Callable[P, R_co] | None", bound)

    @property
    def place(self) -> str:
        """Where the callback stands in the source."""
        return place_of(self.target)

    @property
    def active(self) -> bool:
        """Whether it hears emissions."""
        return not self.paused and not self._ended

    @property
    def _ended(self) -> bool:
        table = self._table()
        return table is None or self not in table

    def cancel(self) -> bool:
        """End it, and drop what waits."""
        table = self._table()
        ended = table is not None and table.discard(self)

        if ended and self.extras is not None:
            self.extras.drop_waiting()

        return ended

    def pause(self) -> None:
        """Hear nothing."""
        self._pause(paused=True)

    def resume(self) -> None:
        """Hear again."""
        self._pause(paused=False)

    def _pause(self, *, paused: bool) -> None:
        table = self._table()

        if table is not None:
            table.pause(self, paused=paused)

    def __dir__(self) -> Iterable[str]:
        # What an interpreter offers to complete is what users are promised.
        return dir(Subscription)

    def __repr__(self) -> str:
        key = self.key if isinstance(self.key, str) else self.key.__qualname__
        state = "active" if not self.paused else "paused"
        state = "ended" if self._ended else state

        return (
            f"<Subscription {key!r} -> {describe(self.target)} ({self.place}), {state}>"
        )

    @property
    def is_plain(self) -> bool:
        """Whether an emission has but to call its callback."""
        return self.options is DEFAULT and not self.is_async and not self.paused

    @property
    def name(self) -> object:
        """What it is found by in its table."""
        if self.extras is not None and self.extras.owner_id:
            return self.extras.owner_id, self.target

        return name_of(self.target, weak=False)


def name_of(callback: object, *, weak: bool) -> object:
    """Make what a callback is found by.

    Functions and methods compare as one would wish: a method equals another if both
    function and object are the same. A weak method must not be kept alive by its name.
    """
    if weak and isinstance(callback, MethodType):
        return id(callback.__self__), callback.__func__

    if isinstance(callback, (FunctionType, MethodType, BuiltinFunctionType)):
        return callback

    return id(callback)


class _Reaper:
    """Ends a subscription when the object of its weak method has died."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscribed[..., Any]) -> None:
        self._subscription = ref(subscription)

    def __call__(self, _: object) -> None:
        subscription = self._subscription()

        if subscription is not None:
            subscription.cancel()
