"""A bus and a naive one, side by side, in whatever is done to them."""

from __future__ import annotations

__all__ = ()

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.properties.worlds import (
    CALLBACKS,
    EVENTS,
    KEYS,
    NUMBER,
    WAYS,
    Action,
    Key,
    Naive,
    Real,
    Spec,
)

INDEXES = st.integers(0, 9)
CALLED = st.integers(0, CALLBACKS - 1)
NUMBERS = st.integers(1, NUMBER)
ANY_KEY, ANY_EVENT = st.sampled_from(KEYS), st.sampled_from(EVENTS)
CHANGES = st.sampled_from(["cancel", "pause", "resume"])
SPECS = st.builds(
    Spec,
    INDEXES,
    CALLED,
    priority=st.sampled_from([0, 0, 0, 1, -1]),
    once=st.booleans(),
    when=st.sampled_from([None, None, None, "odd", "fails"]),
)
ANY_SPEC = SPECS | st.builds(Spec, INDEXES, CALLED)
EMISSIONS = st.tuples(ANY_EVENT, NUMBERS, st.sampled_from(WAYS))
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just("fail"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["emit", "try"]), st.tuples(ANY_EVENT, NUMBERS)),
    st.tuples(st.just("subscribe"), SPECS),
    st.tuples(st.just("off"), st.tuples(INDEXES, CALLED)),
    st.tuples(CHANGES, INDEXES),
)
SCRIPTS = st.lists(
    st.lists(ACTIONS, max_size=2), min_size=CALLBACKS, max_size=CALLBACKS
)


class Machine(RuleBasedStateMachine):
    """Does the same to both, and compares what can be seen."""

    real: Real
    naive: Naive

    @initialize(
        scripts=SCRIPTS,
        keys=st.lists(ANY_KEY, min_size=1, max_size=5),
        plain=st.booleans(),
        specs=st.lists(ANY_SPEC, min_size=2, max_size=10),
    )
    def begin(
        self,
        scripts: list[list[Action]],
        keys: list[Key],
        plain: bool,
        specs: list[Spec],
    ) -> None:
        self.real = Real(scripts, keys, plain=plain)
        self.naive = Naive(scripts, keys, plain=plain)
        self.subscribe(specs)

    @rule(specs=st.lists(ANY_SPEC, min_size=1, max_size=3))
    def subscribe(self, specs: list[Spec]) -> None:
        for world in (self.real, self.naive):
            for spec in specs:
                world.subscribe(spec)

    @rule(verb=CHANGES, indexes=st.lists(INDEXES, min_size=1, max_size=3))
    def change(self, verb: str, indexes: list[int]) -> None:
        for world in (self.real, self.naive):
            for index in indexes:
                world.act(verb, index)

    @rule(key=INDEXES, number=CALLED)
    def end_newest(self, key: int, number: int) -> None:
        self.off(key, number)

    def off(self, key: int, number: int) -> None:
        """End the newest subscription in both, if there is one."""
        one = self.real.end_newest(key, number)
        assert one == self.naive.end_newest(key, number)

    @rule(key=INDEXES)
    def end_doubles(self, key: int) -> None:
        for number in self.naive.doubled(key):
            self.off(key, number)

    @rule(emissions=st.lists(EMISSIONS, min_size=1, max_size=4))
    def emit(self, emissions: list[tuple[Key, int, str]]) -> None:
        for emission in emissions:
            assert self.real.outcome(*emission) == self.naive.outcome(*emission)

    @invariant()
    def same_calls(self) -> None:
        assert self.real.log == self.naive.log

    @invariant()
    def same_subscriptions(self) -> None:
        pairs = list(zip(self.real.made, self.naive.made, strict=True))
        left: list[Any] = [made for made, entry in pairs if not entry.ended]

        assert self.real.bus.subscriptions() == left
        assert [made.active for made, _ in pairs] == [each.active for _, each in pairs]

    @invariant()
    def same_statistics(self) -> None:
        found = self.real.bus.statistics()
        naive = self.naive
        counted = found.emissions, found.calls, found.failures
        assert counted == (naive.emissions, naive.calls, naive.failures)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=120, stateful_step_count=20, deadline=None)
