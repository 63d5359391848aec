"""A bus and a naive model of one, side by side, in whatever is done to them."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from upcall import Bus, CallbackErrors, Subscription, event

Key = type[Any] | str


class Base:
    """An undecorated base."""


@event("a.b")
class Event(Base):
    """Heard by its class, its base, its name and patterns."""


class Derived(Event):
    """Goes by the name of its base."""


NAMES = ("a", "a.b", "b", "a.b.c")
KEYS: tuple[Key, ...] = (*NAMES, "*", "a.*", "**", "**.b.**", Base, Event, Derived)
EVENTS = (*NAMES, Base, Event, Derived)
CALLBACKS = 4
DEEPEST = 3

Action = tuple[str, Any]
ACTIONS = st.one_of(
    st.just(("nothing", None)),
    st.just(("fail", None)),
    st.tuples(st.just("emit"), st.sampled_from(EVENTS)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("subscribe"), st.sampled_from(KEYS)),
)


class World:
    """What both have in common: callbacks that note their calls, and then act."""

    def __init__(self, actions: list[Action]) -> None:
        self.log: list[int] = []
        self.depth = 0
        self.callbacks = [self._make(i, action) for i, action in enumerate(actions)]

    def _make(self, number: int, action: Action) -> Callable[[Any], None]:
        def callback(_: object) -> None:
            self.log.append(number)

            if self.depth < DEEPEST:
                self.act(*action)

        return callback

    def act(self, verb: str, argument: Any) -> None:
        if verb == "fail":
            raise ValueError(verb)

        if verb == "emit":
            self.emit(argument)
        elif verb == "cancel":
            self.cancel(argument)
        elif verb == "subscribe":
            self.subscribe(argument, 0, priority=0, once=True)

    def outcome(self, event: Key) -> object:
        """Emit; tell the count, or that callbacks have failed."""
        try:
            return self.emit(event)
        except CallbackErrors as group:
            return f"{len(group.exceptions)} failed"

    def emit(self, event: Key) -> int:
        """Emit, one level deeper."""
        self.depth += 1

        try:
            return self.happen(event)
        finally:
            self.depth -= 1

    def happen(self, event: Key) -> int:
        raise NotImplementedError

    def cancel(self, index: int) -> None:
        raise NotImplementedError

    def subscribe(self, key: Key, number: int, *, priority: int, once: bool) -> None:
        raise NotImplementedError


class Real(World):
    """The bus itself."""

    def __init__(self, actions: list[Action]) -> None:
        super().__init__(actions)
        self.bus = Bus()
        self.made: list[Subscription[..., Any]] = []

    def subscribe(self, key: Any, number: int, *, priority: int, once: bool) -> None:
        callback = self.callbacks[number]

        # Without options it takes the fast path.
        if priority or once:
            made = self.bus.on(key, callback, priority=priority, once=once)
        else:
            made = self.bus.on(key, callback)

        self.made.append(made)

    def happen(self, event: Any) -> int:
        if isinstance(event, str):
            return self.bus.emit(event, 1)

        return self.bus.emit(event())

    def cancel(self, index: int) -> None:
        if self.made:
            self.made[index % len(self.made)].cancel()


@attrs.define(eq=False)
class Entry:
    """A subscription of the model."""

    key: Key
    number: int
    priority: int
    once: bool
    paused: bool = False
    ended: bool = False
    used: bool = False


class Naive(World):
    """A bus as one would write it first: one list."""

    def __init__(self, actions: list[Action]) -> None:
        super().__init__(actions)
        self.made: list[Entry] = []
        self.emissions = self.calls = self.failures = 0

    def subscribe(self, key: Key, number: int, *, priority: int, once: bool) -> None:
        self.made.append(Entry(key, number, priority, once))

    def happen(self, event: Key) -> int:
        self.emissions += 1
        entries = [
            each
            for each in self.made
            if not each.ended and not each.paused and hears(each.key, event)
        ]
        entries.sort(key=lambda each: -each.priority)
        errors: list[Exception] = []
        heard = 0

        for entry in entries:
            if entry.once:
                if entry.used:
                    continue

                entry.used = entry.ended = True

            heard += 1

            try:
                self.callbacks[entry.number](None)
            except Exception as error:  # noqa: BLE001 (raised below)
                errors.append(error)

        self.calls += heard
        self.failures += len(errors)

        if errors:
            raise CallbackErrors("failed", errors)

        return heard

    def cancel(self, index: int) -> None:
        if self.made:
            self.made[index % len(self.made)].ended = True


def hears(key: Key, event: Key) -> bool:
    """Tell whether a key hears an event, the obvious way."""
    if isinstance(key, type):
        return isinstance(event, type) and issubclass(event, key)

    name = event if isinstance(event, str) else "" if event is Base else "a.b"
    return matches(key.split("."), name.split(".") if name else [])


def matches(pattern: list[str], name: list[str]) -> bool:
    """Match segment by segment, with all there is to try."""
    if not pattern:
        return not name

    first, rest = pattern[0], pattern[1:]

    if first == "**":
        return any(matches(rest, name[i:]) for i in range(len(name) + 1))

    return bool(name) and first in ("*", name[0]) and matches(rest, name[1:])


class Machine(RuleBasedStateMachine):
    """Does the same to both, and compares what can be seen."""

    real: Real
    naive: Naive

    @initialize(actions=st.lists(ACTIONS, min_size=CALLBACKS, max_size=CALLBACKS))
    def begin(self, actions: list[Action]) -> None:
        self.real, self.naive = Real(actions), Naive(actions)

    @rule(
        key=st.sampled_from(KEYS),
        number=st.integers(0, CALLBACKS - 1),
        priority=st.sampled_from([0, 0, 0, 1, -1]),
        once=st.booleans(),
    )
    def subscribe(self, key: Key, number: int, priority: int, once: bool) -> None:
        for world in (self.real, self.naive):
            world.subscribe(key, number, priority=priority, once=once)

    @rule(index=st.integers(0, 9))
    def cancel(self, index: int) -> None:
        for world in (self.real, self.naive):
            world.cancel(index)

    @precondition(lambda self: self.real.made)
    @rule(index=st.integers(0, 9), paused=st.booleans())
    def pause(self, index: int, paused: bool) -> None:
        index %= len(self.real.made)
        self.naive.made[index].paused = paused
        subscription = self.real.made[index]
        subscription.pause() if paused else subscription.resume()

    @rule(key=st.sampled_from(KEYS), number=st.integers(0, CALLBACKS - 1))
    def off(self, key: Any, number: int) -> None:
        found = [
            each
            for each in self.naive.made
            if (each.key, each.number, each.ended) == (key, number, False)
        ]

        for newest in found[-1:]:
            newest.ended = True

        assert self.real.bus.off(key, self.real.callbacks[number]) == bool(found)

    @rule(event=st.sampled_from(EVENTS))
    def emit(self, event: Key) -> None:
        assert self.real.outcome(event) == self.naive.outcome(event)

    @invariant()
    def same_calls(self) -> None:
        assert self.real.log == self.naive.log

    @invariant()
    def same_subscriptions(self) -> None:
        left = [
            made
            for made, entry in zip(self.real.made, self.naive.made, strict=True)
            if not entry.ended
        ]
        assert self.real.bus.subscriptions() == left

    @invariant()
    def same_statistics(self) -> None:
        found = self.real.bus.statistics()
        naive = self.naive
        counted = found.emissions, found.calls, found.failures
        assert counted == (naive.emissions, naive.calls, naive.failures)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
