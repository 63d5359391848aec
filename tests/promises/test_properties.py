"""Graphs of promises at random, against a model that only knows how they must end."""

from __future__ import annotations

__all__ = ()

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.promises.kinds import Boom, drained

from upcall._promises.home import set_unhandled_rejection_hook
from upcall._promises.promise import Promise
from upcall.errors import PromiseCancelledError

# A program is a list of steps. Each makes a promise, numbered by its place, or does
# something to an earlier one, which it names by a number (taken modulo the promises
# there are). Promises only ever wait for earlier ones, so there are no circles.

HANDLERS = ("none", "value", "raise", "promise")
Step = tuple[Any, ...]

numbers = st.integers(0, 50)
steps = st.one_of(
    st.just(("new",)),
    st.tuples(
        st.just("then"),
        numbers,
        st.sampled_from(HANDLERS),
        st.sampled_from(HANDLERS),
        numbers,
    ),
    st.tuples(st.just("resolve"), numbers, st.integers(0, 9)),
    st.tuples(st.just("follow"), numbers, numbers),
    st.tuples(st.just("reject"), numbers, st.integers(0, 9)),
    st.just(("turn",)),
)
cancels = st.tuples(st.just("cancel"), numbers)


@attrs.define
class Node:
    """What the model knows of a promise."""

    parent: int | None = None
    handlers: tuple[str, str] = ("none", "none")
    gives: int = 0
    fate: tuple[str, Any] | None = None
    """Of a root: ("fulfilled", value), ("rejected", reason) or ("follows", number)."""


@attrs.define
class World:
    """A program as it runs, and the model beside it."""

    promises: list[Promise[Any]] = attrs.Factory(list)
    resolvers: dict[int, tuple[Any, Any]] = attrs.Factory(dict)
    nodes: list[Node] = attrs.Factory(list)
    calls: Counter[int] = attrs.Factory(Counter)
    seen: dict[int, str] = attrs.Factory(dict)

    async def run(self, program: Sequence[Step]) -> None:
        self.new()

        for name, *arguments in program:
            getattr(self, name)(*arguments)
            self.look()

            if name == "turn":
                await drained()
                self.look()

        await drained()
        self.look()

    def look(self) -> None:
        """Note the states, and that none changes that was settled."""
        for number, promise in enumerate(self.promises):
            before = self.seen.get(number, "pending")
            assert before in ("pending", promise.state)
            self.seen[number] = promise.state

    def new(self) -> None:
        promise, resolve, reject = Promise[Any].with_resolvers()
        promise.catch(lambda _: None)  # a consumer that never goes
        self.resolvers[len(self.promises)] = resolve, reject
        self.promises.append(promise)
        self.nodes.append(Node())

    def then(self, parent: int, good: str, bad: str, gives: int) -> None:
        parent %= len(self.promises)
        number = len(self.promises)
        gives %= number
        child = self.promises[parent].then(
            self._handler(good, number, gives), self._handler(bad, number, gives)
        )
        child.catch(lambda _: None)
        self.promises.append(child)
        self.nodes.append(Node(parent, (good, bad), gives))

    def _handler(
        self, kind: str, number: int, gives: int
    ) -> Callable[[Any], Any] | None:
        if kind == "none":
            return None

        def handler(_: Any) -> Any:
            self.calls[number] += 1

            if kind == "raise":
                raise Boom(number)

            return self.promises[gives] if kind == "promise" else number

        return handler

    def resolve(self, number: int, value: int) -> None:
        self._settle(number, 0, value, ("fulfilled", value))

    def reject(self, number: int, value: int) -> None:
        self._settle(number, 1, Boom(value), ("rejected", value))

    def follow(self, number: int, other: int) -> None:
        number %= len(self.promises)

        if number:
            other %= number
            self._settle(number, 0, self.promises[other], ("follows", other))

    def cancel(self, number: int) -> None:
        self.promises[number % len(self.promises)].cancel()

    def turn(self) -> None:
        """Give the loop a turn; see `run`."""

    def _settle(self, number: int, index: int, thing: Any, fate: Any) -> None:
        number %= len(self.promises)

        if number not in self.resolvers:
            return

        if self.resolvers[number][index](thing):
            assert self.nodes[number].fate is None
            self.nodes[number].fate = fate

    def expected(self, number: int) -> tuple[str, Any]:
        """Tell how a promise must end, by the rules alone."""
        node = self.nodes[number]

        if node.parent is None:
            if node.fate is None:
                return "pending", None

            state, thing = node.fate
            return self.expected(thing) if state == "follows" else (state, thing)

        state, thing = self.expected(node.parent)

        if state == "pending":
            return state, None

        kind = node.handlers[state == "rejected"]
        ends: dict[str, Callable[[], tuple[str, Any]]] = {
            "none": lambda: (state, thing),
            "value": lambda: ("fulfilled", number),
            "raise": lambda: ("rejected", number),
            "promise": lambda: self.expected(node.gives),
        }
        return ends[kind]()


RUNS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),
    "trio": trio.run,
}


@pytest.mark.parametrize("run", RUNS)
@given(program=st.lists(steps, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_promise_ends_as_the_rules_say(run: str, program: list[Step]) -> None:
    """Whatever the order of making, attaching and settling."""
    world = World()

    async def main() -> list[tuple[str, Any]]:
        await world.run(program)
        return [
            (promise.state, None if promise.state == "pending" else await end(promise))
            for promise in world.promises
        ]

    async def end(promise: Promise[Any]) -> Any:
        try:
            return await promise
        except Boom as error:
            return error.args[0]

    found = RUNS[run](main)

    assert found == [world.expected(number) for number in range(len(found))]
    assert set(world.calls.values()) <= {1}


@pytest.mark.parametrize("run", RUNS)
@given(program=st.lists(steps | cancels, max_size=40))
@settings(max_examples=60, deadline=None)
def test_cancelling_at_random_breaks_no_promise(run: str, program: list[Step]) -> None:
    """Nothing is called twice or changes its mind; who is cancelled, hears it."""
    world = World()
    # What a handler raises that cleans up after a cancellation is told: see the heirs.
    set_unhandled_rejection_hook(lambda *_: None)

    async def main() -> None:
        await world.run(program)

        for number, promise in enumerate(world.promises):
            if world.seen[number] == "pending":
                promise.cancel()

        await drained()

        for promise in world.promises:
            try:
                await promise
            except (Boom, PromiseCancelledError):
                continue

    RUNS[run](main)

    assert set(world.calls.values()) <= {1}
