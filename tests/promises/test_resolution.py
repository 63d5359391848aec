"""Promises/A+ 2.3, the resolution procedure: rules 18 to 28."""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
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
    turns,
)
from tests.promises.thenables import FULFILLING, REJECTING, Thenable, from_everywhere

from upcall._promises.home import Home, loop_home
from upcall._promises.promise import Promise
from upcall._promises.start import deferred, run_in

WAYS = tuple(from_everywhere(lambda: None))
PROMISES = ("a promise", "with a promise")


@pytest.mark.parametrize("way", ["resolve", "on_fulfilled", "on_rejected"])
async def test_a_promise_cannot_be_its_own_value(way: str) -> None:
    """Rule 18, A+ 2.3.1."""
    if way == "resolve":
        promise, resolve, _ = Promise[Any].with_resolvers()
        resolve(promise)
    elif way == "on_fulfilled":
        promise = Promise.resolve(0).then(lambda _: promise)
    else:
        promise = make_rejected(Boom()).then(None, lambda _: promise)

    state, reason = await outcome(promise)

    assert state == "rejected"
    assert isinstance(reason, TypeError)
    assert "itself" in str(reason)


@pytest.mark.parametrize("number", [2, 3, 10])
async def test_a_circle_of_promises_is_rejected(number: int) -> None:
    """Rule 20: A+ encourages it, ECMAScript waits for ever."""
    trios = [Promise[Any].with_resolvers() for _ in range(number)]

    for index, (_, resolve, _) in enumerate(trios):
        resolve(trios[(index + 1) % number][0])

    for promise, _, _ in trios:
        state, reason = await outcome(promise)
        assert state == "rejected"
        assert isinstance(reason, TypeError)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", WHEN)
async def test_a_promise_is_followed(way: str, when: str) -> None:
    """Rule 19, A+ 2.3.2: the same value, the same reason, however late."""
    value, error = object(), Boom()

    followed = from_everywhere(lambda: make_fulfilled(value, when))[way]()
    assert await outcome(followed) == ("fulfilled", value)

    followed = from_everywhere(lambda: make_rejected(error, when))[way]()
    assert await outcome(followed) == ("rejected", error)


async def test_a_follower_of_a_pending_promise_is_pending() -> None:
    """A+ 2.3.2.1."""
    other, resolve, _ = Promise[int].with_resolvers()
    follower = Promise.resolve(0).then(lambda _: other)
    await drained()

    assert follower.state == "pending"
    resolve(1)
    assert await follower == 1


@pytest.mark.parametrize("direction", ["inside out", "outside in"])
@pytest.mark.parametrize("number", [1500, 20_000])
async def test_many_followers_are_no_recursion(direction: str, number: int) -> None:
    """Rule 19: settled through jobs; and the search for circles is no burden."""
    trios = [Promise[int].with_resolvers() for _ in range(number)]
    pairs = list(pairwise(trios))

    for (_, resolve, _), (other, _, _) in (
        pairs if direction == "inside out" else reversed(pairs)
    ):
        resolve(other)

    trios[-1][1](1)
    assert await trios[0][0] == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", FULFILLING)
async def test_a_thenable_is_adopted(kind: str, way: str) -> None:
    """Rules 23 to 27, A+ 2.3.3.3: whatever kind of thenable, from wherever it comes."""
    value = object()

    promise = from_everywhere(lambda: FULFILLING[kind](value))[way]()

    assert await outcome(promise) == ("fulfilled", value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", REJECTING)
async def test_a_rejecting_thenable_is_adopted(kind: str, way: str) -> None:
    """A+ 2.3.3.3.2: with the very reason it gives."""
    error = Boom("the reason")

    promise = from_everywhere(lambda: REJECTING[kind](error))[way]()

    assert await outcome(promise) == ("rejected", error)


def _give(make: Callable[[Any], Any], value: Any, _: object) -> Any:
    return make(value)


@pytest.mark.parametrize("outer", FULFILLING)
async def test_thenables_unwrap_each_other(outer: str) -> None:
    """Rule 25, A+ 2.3.3.3.1: what a thenable fulfils with is resolved again."""
    for inner, make in FULFILLING.items():
        value = object()
        made = make(value)

        promise = Promise.resolve(0).then(partial(_give, FULFILLING[outer], made))

        # A promise of a thenable is fulfilled with that very thenable, and stays so.
        if outer.startswith(PROMISES):
            assert await outcome(promise) == ("fulfilled", made), inner
            await Promise.resolve(made)
        else:
            assert await outcome(promise) == ("fulfilled", value), inner


@pytest.mark.parametrize("outer", [k for k in FULFILLING if not k.startswith(PROMISES)])
async def test_a_rejection_comes_through_thenables(
    outer: str, unhandled: list[Any]
) -> None:
    """A+ 2.3.3.3.1: also from the inside of one."""
    for inner, make in REJECTING.items():
        error = Boom("inner")
        made = make(error)
        promise = Promise.resolve(0).then(partial(_give, FULFILLING[outer], made))

        assert await outcome(promise) == ("rejected", error), inner

    unhandled.clear()  # a promise may be rejected turns before a thenable hands it over


@pytest.mark.parametrize("way", ["at once", "later"])
@pytest.mark.parametrize("name", VALUES)
async def test_a_thenable_may_fulfil_with_any_value(name: str, way: str) -> None:
    """A+ 2.3.3.3.1 and 2.3.4."""
    promise = Promise.resolve(FULFILLING[way](VALUES[name]))

    assert (await outcome(promise))[1] is VALUES[name]


@pytest.mark.parametrize("name", REASONS)
async def test_a_thenable_may_reject_with_any_exception(name: str) -> None:
    """A+ 2.3.3.3.2."""
    promise = Promise.resolve(REJECTING["at once"](REASONS[name]))

    assert (await outcome(promise))[1] is REASONS[name]


async def test_a_reason_is_not_resolved() -> None:
    """Rule 25: not even one that has a `then`."""

    class Thenlike(Exception):  # noqa: N818 (it is one and is none)
        def then(self, *_: Any) -> None:
            raise AssertionError("the reason was asked")

    error = Thenlike()

    for make in (
        lambda: Promise.reject(error),
        lambda: Promise.resolve(Thenable(lambda _, reject: reject(error))),
        lambda: Promise.reject(Boom()).catch(lambda _: Promise.reject(error)),
    ):
        assert (await outcome(make().then()))[1] is error


async def test_a_thenable_that_rejects_with_rubbish_is_told() -> None:
    """Rule 7 holds for its second function, too."""
    promise = Promise.resolve(Thenable(lambda _, reject: reject(5)))

    state, reason = await outcome(promise)

    assert state == "rejected"
    assert isinstance(reason, TypeError)


async def test_then_is_looked_up_once() -> None:
    """Rule 22, A+ 2.3.3.1."""
    looked = 0

    class Counting:
        @property
        def then(self) -> Any:
            nonlocal looked
            looked += 1
            return lambda resolve, _: resolve(1)

    assert await Promise.resolve(0).then(lambda _: Counting()) == 1  # type: ignore[comparison-overlap]
    assert looked == 1


async def test_a_lookup_that_raises_rejects() -> None:
    """Rule 22, A+ 2.3.3.2."""
    error = Boom("no then today")

    class Raising:
        @property
        def then(self) -> Any:
            raise error

    for way in from_everywhere(Raising).values():
        assert await outcome(way()) == ("rejected", error)


async def test_an_attribute_error_means_no_then() -> None:
    """Rule 22: in Python, that is how absence is spelled."""

    class Absent:
        @property
        def then(self) -> Any:
            raise AttributeError("then")

    absent = Absent()
    assert await Promise.resolve(absent) is absent


async def test_a_thenable_is_called_in_a_job_with_two_functions() -> None:
    """Rule 24: never on the spot, with nothing but the two."""
    log: list[Any] = []

    class Listening:
        def then(self, *args: Any, **kwargs: Any) -> None:
            log.append((self, len(args), kwargs))
            args[0](None)

    thing = Listening()
    promise, resolve, _ = Promise[Any].with_resolvers()
    resolve(thing)
    log.append("after resolve")
    await promise

    assert log == ["after resolve", (thing, 2, {})]


async def test_the_two_functions_say_whether_they_counted() -> None:
    """Rules 4 and 24: a fresh pair, once only."""
    said: list[bool] = []

    def then(resolve: Any, reject: Any) -> None:
        said.extend([resolve(1), resolve(2), reject(Boom())])

    await Promise.resolve(Thenable(then))

    assert said == [True, False, False]


@pytest.mark.parametrize("before", [False, True])
async def test_a_then_that_raises_rejects_unless_it_called(*, before: bool) -> None:
    """Rule 26, A+ 2.3.3.3.4."""
    error = Boom("then")

    def then(resolve: Any, _: Any) -> None:
        if before:
            resolve(1)

        raise error

    expected = ("fulfilled", 1) if before else ("rejected", error)
    assert await outcome(Promise.resolve(Thenable(then))) == expected


async def test_a_then_that_raised_may_call_no_more() -> None:
    """Rule 26: its error has decided."""
    kept: list[Any] = []

    def then(resolve: Any, reject: Any) -> None:
        kept.extend([resolve, reject])
        raise Boom("first")

    promise = Promise.resolve(Thenable(then))
    state, reason = await outcome(promise)

    assert not kept[0](1)
    assert not kept[1](Boom("second"))
    assert (state, reason.args) == ("rejected", ("first",))


@pytest.mark.parametrize("name", VALUES)
async def test_what_has_no_then_fulfils(name: str) -> None:
    """Rules 21, 27 and 28, A+ 2.3.3.4 and 2.3.4: classes are values, too."""
    for way in from_everywhere(lambda: VALUES[name]).values():
        assert (await outcome(way()))[1] is VALUES[name]


async def test_fulfilled_takes_a_value_as_it_is() -> None:
    """Rule 28: the way past adoption."""

    async def work() -> int:
        return 1

    thenable = Thenable(lambda resolve, _: resolve(1))
    coroutine = work()
    promise = Promise.resolve(2)

    assert await Promise.fulfilled(thenable) is thenable
    assert await Promise.fulfilled(coroutine) is coroutine
    assert await Promise.fulfilled(promise) is promise
    coroutine.close()


async def test_a_coroutine_runs_in_a_task() -> None:
    """Rule 27: its result is resolved, its exception rejects."""
    error = Boom("in the task")

    async def works(value: int) -> Promise[int]:
        await anyio.lowlevel.checkpoint()
        return Promise.resolve(value + 1)

    async def fails(_: int) -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    assert await Promise.resolve(1).then(works) == 2  # type: ignore[comparison-overlap]
    assert (await outcome(Promise.resolve(1).then(fails)))[1] is error


@pytest.mark.parametrize("order", ["resolved", "rejected", "cancelled"])
async def test_a_coroutine_that_comes_too_late_is_closed(order: str) -> None:
    """Rule 27: or Python would warn that it was never awaited."""
    promise, resolve, reject = Promise[Any].with_resolvers()
    {"resolved": lambda: resolve(1), "rejected": lambda: reject(Boom())}.get(
        order, promise.cancel
    )()
    promise.catch(lambda _: None)

    async def work() -> None:
        raise AssertionError("it was run")

    resolve(work())
    later: list[Any] = []
    thenable = Thenable(lambda f, _: later.extend([f(1), f(work())]))
    await Promise.resolve(thenable)
    gc.collect()

    assert later == [True, False]


class Full(Home):
    """A home that takes no more tasks, such as a bus that is closed."""

    def spawn(self, coroutine: Any, context: Any) -> Any:
        raise Boom("full")


async def test_a_home_that_takes_no_task_rejects() -> None:
    """With its own error; and no coroutine is left behind."""

    async def work(*_: Any) -> None:
        raise AssertionError("it was run")

    home = Full(loop_home().loop)
    promise, resolve, _ = deferred(home)
    resolve(1)
    pending = deferred(home)[0]

    for made in (
        lambda: promise.then(work),
        lambda: promise.finally_(work),
        lambda: promise.delay(0),
        lambda: pending.timeout(0),
        lambda: run_in(home, work),
        lambda: Promise.all([promise, work()]),
    ):
        state, reason = await outcome(made())
        assert (state, reason.args) == ("rejected", ("full",))

    gc.collect()
    assert pending.state == "pending"


@pytest.mark.parametrize("where", ["lookup", "then"])
def test_an_interrupt_in_a_thenable_flies_on(where: str) -> None:
    """Rule 31: and the promise is rejected with it."""
    error = KeyboardInterrupt()

    class Interrupting:
        @property
        def then(self) -> Any:
            if where == "lookup":
                raise error

            return self.interrupt

        def interrupt(self, *_: Any) -> None:
            raise error

    seen: list[BaseException] = []

    async def main() -> None:
        Promise.resolve(0).then(lambda _: Interrupting()).catch(seen.append)
        await anyio.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())

    assert seen == [error]


async def test_a_foreign_thenable_may_call_back_from_the_loop() -> None:
    """A+ 2.3.3: a promise of somebody else, settled turns later."""
    calls: list[Callable[..., Any]] = []
    thenable = Thenable(lambda resolve, _: calls.append(resolve))
    promise: Promise[Any] = Promise.resolve(thenable)
    await drained()

    assert promise.state == "pending"
    later(lambda: calls[0]("value"))
    assert await promise == "value"


async def test_a_mock_like_thenable_leaves_it_pending() -> None:
    """Finding 7: it takes the functions and never calls back."""
    promise = Promise.resolve(Thenable(lambda *_: None))
    await turns()

    assert promise.state == "pending"
