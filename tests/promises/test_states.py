"""Promises/A+ 2.1 and the resolving functions: rules 1 to 7."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from tests.promises.kinds import (
    REASONS,
    VALUES,
    WHEN,
    Boom,
    drained,
    outcome,
    settle,
)

from upcall._promises.promise import Promise


async def test_a_promise_is_pending_until_it_is_settled() -> None:
    """Rule 1: one of three states."""
    promise, resolve, _ = Promise[int].with_resolvers()
    before = promise.state
    resolve(1)

    assert (before, promise.state) == ("pending", "fulfilled")


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("first", ["resolve", "reject"])
@pytest.mark.parametrize("second", ["resolve", "reject", "both"])
async def test_only_the_first_call_counts(when: str, first: str, second: str) -> None:
    """Rules 1 and 4: later calls do nothing, raise nothing and say so."""
    promise, resolve, reject = Promise[int].with_resolvers()
    calls: dict[str, Callable[[], bool]] = {
        "resolve": lambda: resolve(1),
        "reject": lambda: reject(Boom("first")),
    }
    told: list[bool] = []

    def act() -> None:
        told.append(calls[first]())

        if second in ("resolve", "both"):
            told.append(resolve(2))

        if second in ("reject", "both"):
            told.append(reject(Boom("second")))

    settle(when, act)
    state, thing = await outcome(promise)

    assert told == [True] + [False] * (len(told) - 1)
    assert state == ("fulfilled" if first == "resolve" else "rejected")
    assert thing == 1 or thing.args == ("first",)


def _note(note: Callable[[str], object], text: str, _: object) -> None:
    note(text)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("handlers", ["both", "fulfilled", "rejected"])
async def test_a_settled_promise_calls_one_kind_of_handler_once(
    when: str, handlers: str
) -> None:
    """2.1.2, 2.1.3: no transition after the first, however often it is settled."""
    for kind in ("resolve", "reject"):
        promise, resolve, reject = Promise[int].with_resolvers()
        calls: list[str] = []
        note = calls.append
        promise.then(
            partial(_note, note, "resolve") if handlers != "rejected" else None,
            partial(_note, note if handlers != "fulfilled" else len, "reject"),
        )

        def act(kind: str = kind, resolve: Any = resolve, reject: Any = reject) -> None:
            (resolve(1), reject(Boom())) if kind == "resolve" else (
                reject(Boom()),
                resolve(1),
            )

        settle(when, act)
        await outcome(promise)
        await drained()

        wanted = {"both": True, "fulfilled": kind == "resolve"}.get(
            handlers, kind == "reject"
        )
        assert calls == ([kind] if wanted else [])


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("name", VALUES)
async def test_a_value_is_kept_as_it_is(name: str, when: str) -> None:
    """Rules 2, 3 and 6: the same object, never compared, hashed or tried for truth."""
    promise, resolve, _ = Promise[Any].with_resolvers()
    settle(when, resolve, VALUES[name])

    state, value = await outcome(promise)

    assert state == "fulfilled"
    assert value is VALUES[name]
    assert await promise is VALUES[name]


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_passes_every_kind_of_link_untouched(name: str) -> None:
    """Rule 3: nor do the methods and combinators touch it."""
    value = VALUES[name]
    promise = Promise.fulfilled(value)

    for passed in (
        promise.then(),
        promise.then(lambda given: given),
        promise.catch(lambda _: None),
        promise.finally_(lambda: None),
        promise.finally_(lambda: value),
        promise.tap(lambda _: value),
        promise.timeout(5),
        promise.delay(0),
        promise.shield(),
        promise.then(lambda _: promise),
        Promise.race([promise]),
        Promise.any([promise]),
        Promise.all([promise]).then(lambda values: Promise.fulfilled(values[0])),
    ):
        assert await passed is value


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("name", REASONS)
async def test_a_reason_is_kept_as_it_is(name: str, when: str) -> None:
    """Rule 2: the same object, whatever family of exceptions it is of."""
    promise, _, reject = Promise[Any].with_resolvers()
    settle(when, reject, REASONS[name])

    state, reason = await outcome(promise)

    assert state == "rejected"
    assert reason is REASONS[name]


async def test_resolved_is_not_settled() -> None:
    """Rule 5: with a pending promise the fate is locked in."""
    other, finish, _ = Promise[int].with_resolvers()
    promise, resolve, reject = Promise[int].with_resolvers()

    assert resolve(other)
    assert promise.state == "pending"
    assert not resolve(2)
    assert not reject(Boom())
    finish(1)

    assert await promise == 1


@pytest.mark.parametrize("bad", [5, None, "text", object, ValueError("x").args, int])
async def test_a_reason_has_to_be_an_exception(bad: Any) -> None:
    """Rule 7: the caller hears it, and the promise may still be settled."""
    promise, resolve, reject = Promise[int].with_resolvers()

    with pytest.raises(TypeError, match="rejected with an exception"):
        reject(bad)

    with pytest.raises(TypeError, match="wrap it in one"):
        Promise.reject(bad)

    assert resolve(1)
    assert await promise == 1


async def test_an_exception_class_is_instantiated() -> None:
    """Rule 7: as `raise` does it."""
    promise, _, reject = Promise[int].with_resolvers()
    reject(Boom)

    assert (await outcome(promise))[1].args == ()
    assert type((await outcome(Promise.reject(Boom)))[1]) is Boom


async def test_a_constructor_calls_its_executor_at_once() -> None:
    """ECMAScript's constructor: resolve and reject come as arguments."""
    calls: list[str] = []

    def executor(resolve: Any, reject: Any) -> None:
        calls.append("called")
        resolve("value")
        reject(Boom())

    promise = Promise[str](executor)

    assert calls == ["called"]
    assert await promise == "value"


@pytest.mark.parametrize("settled_before", [False, True])
async def test_an_executor_that_raises_rejects(*, settled_before: bool) -> None:
    """Unless it has settled the promise before that."""
    error = Boom("executor")

    def executor(resolve: Any, _: Any) -> None:
        if settled_before:
            resolve(1)

        raise error

    expected = ("fulfilled", 1) if settled_before else ("rejected", error)
    assert await outcome(Promise(executor)) == expected


async def test_an_executor_lets_an_interrupt_through() -> None:
    """It is called on the caller's stack, and there it is raised."""

    def executor(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Promise(executor)


async def test_shortcuts_are_settled_from_the_start() -> None:
    """`fulfilled` and `reject` need no turn."""
    assert Promise.fulfilled(1).state == "fulfilled"
    rejected = Promise.reject(Boom)
    assert rejected.state == "rejected"
    rejected.catch(lambda _: None)


async def test_a_promise_shows_what_it_is() -> None:
    """For logs and debuggers."""
    promise, resolve, _ = Promise[int].with_resolvers()

    assert repr(promise) == "<Promise pending>"
    resolve(1)
    assert repr(promise) == "<Promise fulfilled: 1>"


def test_a_promise_needs_a_running_loop() -> None:
    """The message says where to make it."""
    makers: list[Callable[[], object]] = [
        lambda: Promise(lambda *_: None),
        Promise.with_resolvers,
        lambda: Promise.resolve(1),
        lambda: Promise.fulfilled(1),
        lambda: Promise.reject(Boom()),
        lambda: Promise.all([]),
        lambda: Promise.race([]),
        lambda: Promise.map([], len),
        lambda: Promise.run(anyio.sleep, 0),
        lambda: Promise.try_(len, ""),
    ]

    for make in makers:
        with pytest.raises(RuntimeError, match="no asyncio or trio loop runs"):
            make()
