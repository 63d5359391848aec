"""Promises/A+ 2.2, `then`: rules 8 to 17."""

from __future__ import annotations

__all__ = ()

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import (
    REASONS,
    VALUES,
    WHEN,
    Boom,
    drained,
    later,
    make_fulfilled,
    make_rejected,
    outcome,
)

from upcall._loops.jobs import BUDGET
from upcall._loops.which import current_loop
from upcall._promises.promise import Promise


@pytest.mark.parametrize("when", WHEN)
async def test_handlers_are_optional(when: str) -> None:
    """Rules 8 and 16: None lets the outcome pass."""
    error = Boom()

    for arguments in ((), (None,), (None, None)):
        fulfilled = make_fulfilled(1, when).then(*arguments)
        assert await outcome(fulfilled) == ("fulfilled", 1)

        rejected = make_rejected(error, when).then(*arguments)
        assert await outcome(rejected) == ("rejected", error)


@pytest.mark.parametrize("junk", [False, 5, "text", object(), (), ValueError()])
async def test_a_handler_that_cannot_be_called_is_an_error(junk: Any) -> None:
    """Rule 9: a missing function is a bug; A+ would hide it."""
    promise = Promise.resolve(1)

    attaches: list[Callable[[], object]] = [
        lambda: promise.then(junk),
        lambda: promise.then(None, junk),
        lambda: promise.then(repr, junk),
        lambda: promise.catch(junk),
        lambda: promise.catch(ValueError, junk),
        lambda: promise.finally_(junk),
        lambda: promise.tap(junk),
    ]

    for attach in attaches:
        with pytest.raises(TypeError, match="cannot be called: give a function"):
            attach()


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("state", ["fulfilled", "rejected"])
async def test_the_right_handler_is_called_once_with_one_argument(
    state: str, when: str
) -> None:
    """Rule 10, A+ 2.2.2, 2.2.3 and 2.2.5: nothing bound, nothing added."""
    calls: list[Any] = []
    thing: Any = object() if state == "fulfilled" else Boom()
    make: Any = make_fulfilled if state == "fulfilled" else make_rejected

    def note(*args: Any, **kwargs: Any) -> None:
        calls.append((state, args, kwargs))

    def wrong(*_: Any) -> None:
        calls.append("wrong")

    promise = make(thing, when)
    right = (note, wrong) if state == "fulfilled" else (wrong, note)
    await promise.then(*right)
    await drained()

    assert calls == [(state, (thing,), {})]


@pytest.mark.parametrize("when", ["immediately", "eventually"])
async def test_no_handler_is_called_before_the_end(when: str) -> None:
    """A+ 2.2.2.2, 2.2.3.2."""
    states: list[str] = []
    fulfilled, rejected = make_fulfilled(1, when), make_rejected(Boom(), when)
    one = fulfilled.then(lambda _: states.append(fulfilled.state))
    other = rejected.catch(lambda _: states.append(rejected.state))

    await Promise.all([one, other])

    assert sorted(states) == ["fulfilled", "rejected"]


async def test_a_pending_promise_calls_nobody() -> None:
    """A+ 2.2.2.2: however many turns go by."""
    promise, resolve, _ = Promise[int].with_resolvers()
    calls: list[int] = []
    promise.then(calls.append, lambda _: calls.append(-1))

    for _ in range(5):
        await anyio.lowlevel.checkpoint()

    assert calls == []
    resolve(1)
    await drained()
    assert calls == [1]


async def test_a_bound_method_keeps_its_own_self() -> None:
    """Rule 10."""

    class Receiver:
        def take(self, value: int) -> tuple[Receiver, int]:
            return self, value

    receiver = Receiver()

    assert await Promise.resolve(1).then(receiver.take) == (receiver, 1)


def _callers() -> set[str]:
    """Name the functions on the stack."""
    frame: FrameType | None = sys._getframe(1)
    names: set[str] = set()

    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back

    return names


@pytest.mark.parametrize("state", ["fulfilled", "rejected"])
@pytest.mark.parametrize(
    "order", ["settled before", "settled after", "in a handler", "in the executor"]
)
async def test_the_stack_of_a_handler_is_clean(state: str, order: str) -> None:
    """Rule 11, A+ 2.2.4: nobody's code is on it, whoever settles or attaches."""
    stacks: list[set[str]] = []

    def user_attaches(promise: Promise[Any]) -> Promise[Any]:
        return promise.then(
            lambda _: stacks.append(_callers()), lambda _: stacks.append(_callers())
        )

    def user_settles(resolve: Any, reject: Any) -> None:
        resolve(1) if state == "fulfilled" else reject(Boom())

    def user_handles(_: Any) -> None:
        user_settles(resolve, reject)
        user_attaches(promise)

    promise, resolve, reject = Promise[int].with_resolvers()

    if order == "settled before":
        user_settles(resolve, reject)
        await user_attaches(promise)
    elif order == "settled after":
        child = user_attaches(promise)
        user_settles(resolve, reject)
        await child
    elif order == "in the executor":
        await user_attaches(Promise(user_settles))
    else:
        await Promise.resolve(1).then(user_handles)
        await drained()

    assert len(stacks) == 1
    assert {name for name in stacks[0] if name.startswith("user_")} == set()


async def test_code_after_then_runs_before_the_handlers() -> None:
    """A+ 2.2.4: `then` returns before a handler is called."""
    log: list[str] = []
    promise = Promise.resolve(1)
    child = promise.then(lambda _: log.append("handler"))
    log.append("after then")
    await child

    pending, resolve, _ = Promise[int].with_resolvers()
    child = pending.then(lambda _: log.append("handler"))
    resolve(1)
    log.append("after resolve")
    await child

    assert log == ["after then", "handler", "after resolve", "handler"]


async def test_a_chain_takes_one_turn_of_the_loop() -> None:
    """Rule 12: a job that is put while the queue is drained runs in that drain."""
    first, resolve, _ = Promise[int].with_resolvers()
    last = first
    passed = 0

    for _ in range(5000):
        last = last.then(lambda value: value + 1)

    def tick() -> None:
        nonlocal passed
        passed += 1

        if last.state == "pending":
            current_loop().call_soon(tick)

    resolve(0)
    current_loop().call_soon(tick)

    assert await last == 5000
    assert passed <= 2


async def test_an_endless_chain_does_not_starve_the_loop() -> None:
    """Rule 12: a drain has a budget."""
    calls = 0
    stopped = False

    def again(_: object) -> object:
        nonlocal calls
        calls += 1
        return None if stopped else Promise.resolve(None).then(again)

    chain = Promise.resolve(None).then(again)
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    stopped = True

    assert 0 < calls <= 4 * BUDGET
    await chain


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("state", ["fulfilled", "rejected"])
async def test_handlers_of_one_promise_run_in_order(state: str, when: str) -> None:
    """Rule 13, A+ 2.2.6: those that raise and those that were added late, too."""
    log: list[str] = []
    make: Any = make_fulfilled if state == "fulfilled" else make_rejected
    promise = make(Boom(), when)

    def attach(handler: Callable[[Any], Any]) -> Promise[Any]:
        return promise.then(handler, handler)  # type: ignore[no-any-return]

    def fails(_: Any) -> None:
        log.append("b")
        raise Boom

    def adds(_: Any) -> None:
        log.append("c")
        attach(lambda _: log.append("f"))

    attach(lambda _: log.append("a"))
    attach(fails).catch(lambda _: log.append("e"))
    attach(adds)
    attach(lambda _: log.append("d"))
    await drained()

    while promise.state == "pending" or not log:
        await anyio.lowlevel.checkpoint()

    await drained()
    assert log == ["a", "b", "c", "d", "e", "f"]


async def test_each_handler_settles_its_own_child() -> None:
    """A+ 2.2.6: children do not share a fate."""
    promise = Promise.resolve(1)

    def fails(_: int) -> None:
        raise Boom("second")

    first = promise.then(lambda value: value + 1)
    second = promise.then(fails)
    third = promise.then(lambda value: value + 3)

    assert (await outcome(second))[1].args == ("second",)
    assert await outcome(first) == ("fulfilled", 2)
    assert await outcome(third) == ("fulfilled", 4)


async def test_promises_take_turns_breadth_first() -> None:
    """Rule 13: p1 q1 p2 q2, in the order in which they became ready."""
    log: list[str] = []
    p, q = Promise.resolve(None), Promise.resolve(None)
    p.then(lambda _: log.append("p1")).then(lambda _: log.append("p2"))
    last = q.then(lambda _: log.append("q1")).then(lambda _: log.append("q2"))
    await last

    assert log == ["p1", "q1", "p2", "q2"]


async def test_promises_run_in_the_order_they_were_settled_in() -> None:
    """Rule 13: not in that of `then`."""
    log: list[str] = []
    p, settle_p, _ = Promise[None].with_resolvers()
    q, settle_q, _ = Promise[None].with_resolvers()
    p.then(lambda _: log.append("p"))
    q.then(lambda _: log.append("q"))
    settle_q(None)
    settle_p(None)
    await drained()

    assert log == ["q", "p"]


async def test_then_makes_a_new_promise_each_time() -> None:
    """Rule 15."""
    promise = Promise.resolve(1)

    assert promise.then() is not promise
    assert promise.then() is not promise.then()
    assert type(promise.then()) is Promise
    assert Promise.resolve(promise) is promise


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("name", VALUES)
async def test_what_a_handler_returns_fulfils_the_child(name: str, when: str) -> None:
    """Rule 16, A+ 2.2.7.1: from either handler."""
    value = VALUES[name]
    one = make_fulfilled(0, when).then(lambda _: value)
    other = make_rejected(Boom(), when).then(None, lambda _: value)

    for child in (one, other):
        state, found = await outcome(child)
        assert state == "fulfilled"
        assert found is value


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(
    "name", ["exception", "group", "timeout", "stop async", "stop"]
)
async def test_what_a_handler_raises_rejects_the_child(name: str, when: str) -> None:
    """Rules 14 and 16, A+ 2.2.7.2: with that very exception."""
    error = REASONS[name]

    def fails(_: Any) -> None:
        raise error

    child = make_fulfilled(0, when).then(fails)
    assert (await outcome(child))[1] is error

    child = make_rejected(Boom(), when).then(None, fails)
    assert (await outcome(child))[1] is error


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_passes_where_there_is_no_handler(name: str) -> None:
    """A+ 2.2.7.3: even one that would be adopted if it were returned."""
    child = Promise.fulfilled(VALUES[name]).then(None, lambda _: None)

    assert (await outcome(child.then().then()))[1] is VALUES[name]


@pytest.mark.parametrize("name", REASONS)
async def test_a_reason_passes_where_there_is_no_handler(name: str) -> None:
    """A+ 2.2.7.4."""
    child = Promise.reject(REASONS[name]).then(lambda _: None)

    assert (await outcome(child.then().then()))[1] is REASONS[name]


@pytest.mark.parametrize("number", [100_000])
async def test_a_long_chain_is_no_recursion(number: int) -> None:
    """However long: with handlers, without, and rejected."""
    first, resolve, _ = Promise[int].with_resolvers()
    last: Promise[Any] = first

    for index in range(number):
        last = last.then(lambda value: value + 1) if index % 2 else last.then()

    resolve(0)
    assert await last == number // 2

    failing = Promise.reject(Boom())

    for _ in range(1000):
        failing = failing.then(lambda value: value)

    assert (await outcome(failing))[0] == "rejected"


async def test_handlers_attached_in_handlers_run_in_the_same_turn() -> None:
    """Rule 12: microtask semantics."""
    log: list[str] = []

    def nest(depth: int) -> None:
        log.append(f"d{depth}")

        if depth < 3:
            Promise.resolve(depth + 1).then(nest)

    Promise.resolve(0).then(nest)
    later(log.append, "turn", turns=2)
    await drained()
    await anyio.lowlevel.checkpoint()

    assert log[:4] == ["d0", "d1", "d2", "d3"]
