"""Two worlds in which the same is done: a bus, and the bus one would write first."""

# What both have in common is in `World`: callbacks that note their calls, and then act
#   on their own world, in the middle of the emission that called them.
# What can differ is in `Real` and `Naive`. The naive one has a dict of lists: for each
#   key, the entries that were subscribed to it. It plans nothing and keeps nothing.

from __future__ import annotations

__all__ = (
    "CALLBACKS",
    "EVENTS",
    "KEYS",
    "NUMBER",
    "WAYS",
    "Action",
    "Base",
    "Event",
    "Key",
    "Naive",
    "Real",
    "Spec",
    "World",
    "told",
)

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from upcall import Bus, CallbackErrors, Subscription, event

Key = type[Any] | str


class Base:
    """An undecorated base of events: it has no name."""

    number: int


@event("w.b")
class Event(Base):
    """Heard by its class, its base, its name and patterns."""

    number: int


class Derived(Event):
    """Goes by the name of its base."""


@event("w.b.c")
class Further(Event):
    """Has a name of its own, and an event for its base."""


class Nameless(Base):
    """Heard by its class, its base, and those who hear everything."""

    def __init__(self, number: int) -> None:
        self.number = number


CLASSES = (Event, Derived, Further, Nameless)
NAMES = ("w", "w.b", "b", "w.b.c")
PATTERNS = ("*", "w.*", "*.b", "**", "w.**", "**.b.**", "*.**.c")
KEYS: tuple[Key, ...] = (*NAMES, *PATTERNS, Base, *CLASSES)
EVENTS: tuple[Key, ...] = (*NAMES, *CLASSES)
WAYS = ("bus", "signal", "id", "aemit")

CALLBACKS = 4
DEEPEST = 3
MOST_CALLS = 60
NUMBER = 3

Action = tuple[str, Any]


@attrs.frozen
class Spec:
    """What is subscribed, and how."""

    key: int
    """Which of the world's keys."""

    number: int
    """Of the callback."""

    priority: int = 0
    once: bool = False
    when: str | None = None
    """Hear "odd" payloads only; or a predicate that "fails"."""


class World:
    """Callbacks that note their calls, and then do what they are made for.

    Args:
        scripts: what each callback does when it is called.
        keys: those that are subscribed to: the fewer, the more happens to each.
        plain: leave out all options, so that emissions take the fast path.
    """

    def __init__(
        self, scripts: Sequence[Sequence[Action]], keys: Sequence[Key], *, plain: bool
    ) -> None:
        self._keys = keys
        self._plain = plain
        self._kept = ValueError("raised again and again")
        self.log: list[tuple[int, int]] = []
        self.made: list[Any] = []
        self.depth = 0
        self.left = MOST_CALLS
        self.callbacks = [self._make(i, script) for i, script in enumerate(scripts)]

    def _make(self, number: int, script: Sequence[Action]) -> Callable[[Any], Any]:
        def callback(payload: Any) -> int | None:
            given = payload if isinstance(payload, int) else payload.number
            self.log.append((number, given))
            self.left -= 1

            # An emission that feeds itself has to end somewhere.
            if self.depth < DEEPEST and self.left > 0:
                for verb, argument in script:
                    self.act(verb, argument)

            return number if number % 2 else None

        callback.__qualname__ = f"callback {number}"
        return callback

    def act(self, verb: str, argument: Any) -> None:
        """Do something to this world; from inside of it, too."""
        if verb == "fail":
            raise ValueError(argument) if argument else self._kept

        if verb == "emit":
            self.emit(argument[0], argument[1], "bus")
        elif verb == "try":
            self.outcome(argument[0], argument[1], "signal")
        elif verb == "subscribe":
            self.subscribe(argument)
        elif verb == "off":
            self.end_newest(*argument)
        elif self.made:
            self.change(verb, argument % len(self.made))

    def outcome(self, event: Key, number: int, way: str) -> object:
        """Emit; give what was returned, or what the failures tell."""
        try:
            return self.emit(event, number, way)
        except CallbackErrors as group:
            return told(group)

    def emit(self, event: Key, number: int, way: str) -> object:
        """Emit, one level deeper."""
        self.left = MOST_CALLS if self.depth == 0 else self.left
        self.depth += 1

        try:
            return self.happen(event, number, way)
        finally:
            self.depth -= 1

    def happen(self, event: Key, number: int, way: str) -> object:
        """Emit; return how many heard it, or the values if it is awaited."""
        raise NotImplementedError

    def subscribe(self, spec: Spec) -> None:
        """Subscribe a callback."""
        spec = Spec(spec.key, spec.number) if self._plain else spec
        self.add(self._keys[spec.key % len(self._keys)], spec)

    def end_newest(self, key: int, number: int) -> bool:
        """End the newest subscription of a callback to a key."""
        return self.off(self._keys[key % len(self._keys)], number)

    def add(self, key: Key, spec: Spec) -> None:
        """Subscribe to this key, and keep the handle in `made`."""
        raise NotImplementedError

    def change(self, verb: str, index: int) -> None:
        """Cancel, pause or resume a subscription."""
        raise NotImplementedError

    def off(self, key: Key, number: int) -> bool:
        """End the newest subscription of a callback to a key."""
        raise NotImplementedError


def told(error: BaseException) -> object:
    """Give all that a failure tells: its text, its notes, and those within it."""
    notes = list(getattr(error, "__notes__", ()))
    notes = [note.partition(" (")[0] + note.partition(")")[2] for note in notes]

    if isinstance(error, CallbackErrors):
        return error.message, notes, [told(each) for each in error.exceptions]

    return repr(error), notes


class Real(World):
    """The bus itself."""

    def __init__(
        self, scripts: Sequence[Sequence[Action]], keys: Sequence[Key], *, plain: bool
    ) -> None:
        super().__init__(scripts, keys, plain=plain)
        self.bus = Bus()
        self.made: list[Subscription[..., Any]] = []
        self._signals = {key: self.bus.signal(key) for key in EVENTS}

    def add(self, key: Any, spec: Spec) -> None:
        callback, options = self.callbacks[spec.number], dict[str, Any]()

        # Without options it takes the fast path: so none is given that is not needed.
        if spec.priority:
            options["priority"] = spec.priority

        if spec.when is not None:
            options["when"] = PREDICATES[spec.when]

        subscribe = self.bus.once if spec.once else self.bus.on
        self.made.append(subscribe(key, callback, **options))

    def happen(self, event: Any, number: int, way: str) -> object:
        payload = number if isinstance(event, str) else event(number=number)
        given: tuple[Any, ...] = (payload,) if way == "signal" else (event, payload)
        given = given if isinstance(event, str) else (payload,)

        if way == "signal":
            return self._signals[event].emit(*given)

        if way == "aemit":
            return _finish(self.bus.aemit(*given))

        return self.bus.emit(*given, id="1" if way == "id" else None)

    def change(self, verb: str, index: int) -> None:
        getattr(self.made[index], verb)()

    def off(self, key: Any, number: int) -> bool:
        return self.bus.off(key, self.callbacks[number])


def _finish(coroutine: Any) -> object:
    """Run an `aemit` that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value

    raise AssertionError("it waits")


def _is_odd(payload: Any) -> bool:
    number: int = payload if isinstance(payload, int) else payload.number
    return number % 2 == 1


def _fails(_: object) -> bool:
    raise KeyError("when")


PREDICATES: dict[str, Callable[[Any], bool]] = {"odd": _is_odd, "fails": _fails}


@attrs.define(eq=False)
class Entry:
    """A subscription of the naive bus."""

    spec: Spec
    place: int
    paused: bool = False
    ended: bool = False
    used: bool = False

    @property
    def active(self) -> bool:
        """Whether it hears what is emitted now."""
        return not self.ended and not self.paused


class Naive(World):
    """A bus as one would write it first."""

    def __init__(
        self, scripts: Sequence[Sequence[Action]], keys: Sequence[Key], *, plain: bool
    ) -> None:
        super().__init__(scripts, keys, plain=plain)
        self.made: list[Entry] = []
        self.keys: dict[Key, list[Entry]] = {}
        self.emissions = self.calls = self.failures = 0

    def add(self, key: Key, spec: Spec) -> None:
        entry = Entry(spec, len(self.made))
        self.made.append(entry)
        self.keys.setdefault(key, []).append(entry)

    def change(self, verb: str, index: int) -> None:
        entry = self.made[index]

        if verb == "cancel":
            entry.ended = True
        else:
            entry.paused = verb == "pause"

    def off(self, key: Key, number: int) -> bool:
        found = self._left(key, number)

        for newest in found[-1:]:
            newest.ended = True

        return bool(found)

    def doubled(self, key: int) -> list[int]:
        """Tell which callbacks have several subscriptions to a key, once for each."""
        return [
            number
            for number in range(CALLBACKS)
            for _ in self._left(self._keys[key % len(self._keys)], number)[1:]
        ]

    def _left(self, key: Key, number: int) -> list[Entry]:
        return [
            each
            for each in self.keys.get(key, ())
            if each.spec.number == number and not each.ended
        ]

    def happen(self, event: Key, number: int, way: str) -> object:
        self.emissions += 1
        errors: list[Exception] = []
        values: list[int | None] = []
        heard = 0

        for entry in self._hearing(event):
            try:
                if not self._admits(entry, number):
                    continue

                heard += 1
                values.append(self.callbacks[entry.spec.number](number))
            except Exception as error:  # noqa: BLE001 (raised below)
                _note(error, entry, event)
                errors.append(error)

        self.calls += heard
        self.failures += len(errors)

        if errors:
            raise _group(errors, _name(event))

        return values if way == "aemit" else heard

    def _hearing(self, event: Key) -> list[Entry]:
        found = [
            each
            for key, entries in self.keys.items()
            if _hears(key, event)
            for each in entries
            if each.active
        ]
        return sorted(found, key=lambda each: (-each.spec.priority, each.place))

    def _admits(self, entry: Entry, number: int) -> bool:
        if entry.spec.when is not None and not PREDICATES[entry.spec.when](number):
            return False

        if entry.spec.once:
            if entry.used:
                return False

            entry.used = entry.ended = True

        return True


def _note(error: Exception, entry: Entry, event: Key) -> None:
    note = f"in callback callback {entry.spec.number} (place)"
    note += f", event {_name(event)!r}" if _name(event) else ""

    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _group(errors: list[Exception], name: str) -> CallbackErrors:
    many = "1 callback" if len(errors) == 1 else f"{len(errors)} callbacks"
    text = f"{many} failed for {name!r}" if name else f"{many} failed"

    return CallbackErrors(text, errors)


def _name(event: Key) -> str:
    names: dict[Key, str] = {
        Event: "w.b",
        Derived: "w.b",
        Further: "w.b.c",
        Nameless: "",
    }
    return event if isinstance(event, str) else names[event]


def _hears(key: Key, event: Key) -> bool:
    """Tell whether a key hears an event, the obvious way."""
    if isinstance(key, type):
        return isinstance(event, type) and issubclass(event, key)

    name = _name(event)
    return _matches(key.split("."), name.split(".") if name else [])


def _matches(pattern: list[str], name: list[str]) -> bool:
    """Match segment by segment, with all there is to try."""
    if not pattern:
        return not name

    first, rest = pattern[0], pattern[1:]

    if first == "**":
        return any(_matches(rest, name[i:]) for i in range(len(name) + 1))

    return bool(name) and first in ("*", name[0]) and _matches(rest, name[1:])
