"""`EventEmitter`: whatever is done to it, it lists and calls as a plain list would."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable, Hashable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from upcall._events.emitter import EventEmitter

NAMES: list[Hashable] = ["x", "y", None, 0]
Name = st.sampled_from(NAMES)
Who = st.integers(0, 2)


class Model(RuleBasedStateMachine):
    """An emitter beside a list of (name, listener, for one call) in order."""

    def __init__(self) -> None:
        super().__init__()
        self.emitter = EventEmitter().set_max_listeners(0)
        self.heard: list[int] = []
        self.removed: list[Any] = []
        self.listeners = [self._listener(i) for i in range(3)]
        self.model: dict[Hashable, list[tuple[int, bool]]] = {}

    def _listener(self, who: int) -> Callable[[], None]:
        return lambda: self.heard.append(who)

    @rule(name=Name, who=Who, once=st.booleans(), first=st.booleans())
    def add(self, name: Hashable, who: int, once: bool, first: bool) -> None:
        methods = {
            (False, False): self.emitter.on,
            (True, False): self.emitter.once,
            (False, True): self.emitter.prepend_listener,
            (True, True): self.emitter.prepend_once_listener,
        }
        methods[once, first](name, self.listeners[who])
        row = self.model.setdefault(name, [])
        row.insert(0 if first else len(row), (who, once))

    @rule(name=Name, who=Who)
    def remove(self, name: Hashable, who: int) -> None:
        self.emitter.off(name, self.listeners[who])
        row = self.model.get(name, [])
        places = [i for i, (each, _) in enumerate(row) if each == who]

        if places:
            del row[places[-1]]

    @rule(name=Name)
    def remove_all_of_a_name(self, name: Hashable) -> None:
        self.emitter.remove_all_listeners(name)
        self.model.pop(name, None)

    @rule()
    def remove_all(self) -> None:
        self.emitter.remove_all_listeners()
        self.model.clear()

    @rule(name=Name)
    def emit(self, name: Hashable) -> None:
        row = self.model.get(name, [])
        self.heard.clear()

        assert self.emitter.emit(name) == bool(row)

        assert self.heard == [who for who, _ in row]
        row[:] = [each for each in row if not each[1]]

    @invariant()
    def lists_the_same(self) -> None:
        self.model = {name: row for name, row in self.model.items() if row}

        assert self.emitter.event_names() == list(self.model)

        for name in NAMES:
            expected = [self.listeners[who] for who, _ in self.model.get(name, [])]
            assert self.emitter.listeners(name) == expected


test_an_emitter_is_as_a_list_of_registrations = Model.TestCase
