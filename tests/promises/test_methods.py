"""`catch`, `finally_`, `tap`, `try_`, `run`, `timeout` and `delay`: rules 60, 61."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import WHEN, Boom, drained, make_rejected, outcome, turns
from tests.promises.thenables import FULFILLING, REJECTING, Thenable

from upcall._promises.promise import Promise
from upcall.errors import OptionError, PromiseTimeoutError


class Worse(Boom):
    """A special case."""


@pytest.mark.parametrize(
    ("criteria", "caught"),
    [
        ((), True),
        ((Boom,), True),
        ((Exception,), True),
        ((ValueError,), False),
        ((ValueError, KeyError, Boom), True),
        ((lambda e: e.args == ("x",),), True),
        ((lambda _: False,), False),
        ((lambda _: 0, ValueError), False),
        ((ValueError, lambda _: "yes"), True),
        ((Worse,), False),
    ],
)
async def test_catch_takes_what_meets_a_criterion(
    criteria: tuple[Any, ...], *, caught: bool
) -> None:
    """Rule 61: any one of them; other reasons pass."""
    error = Boom("x")
    promise = make_rejected(error).catch(*criteria, lambda reason: ("caught", reason))

    expected = ("fulfilled", ("caught", error)) if caught else ("rejected", error)
    assert await outcome(promise) == expected


async def test_catch_lets_a_value_pass() -> None:
    """It is for rejections."""
    assert await Promise.resolve(1).catch(lambda _: 2) == 1
    assert await Promise.resolve(1).catch(ValueError, lambda _: 2) == 1


@pytest.mark.parametrize("bad", [int, "text", None, 5])
async def test_a_criterion_is_a_class_of_exceptions_or_a_predicate(bad: Any) -> None:
    """Anything else is a mistake, told at the call."""
    with pytest.raises(TypeError, match="is neither"):
        Promise.resolve(1).catch(bad, lambda _: 2)


async def test_a_predicate_that_raises_rejects() -> None:
    """With its own error."""

    def predicate(_: BaseException) -> bool:
        raise Boom("predicate")

    promise = make_rejected(Boom("reason")).catch(predicate, lambda _: 1)
    assert (await outcome(promise))[1].args == ("predicate",)


async def test_catch_needs_a_handler() -> None:
    """Of nothing but criteria, the last would be called."""
    with pytest.raises(TypeError, match="cannot be called"):
        Promise.resolve(1).catch()  # type: ignore[call-arg]


@pytest.mark.parametrize("when", WHEN)
async def test_finally_lets_the_outcome_pass(when: str) -> None:
    """Rule 60: called without arguments, its value ignored."""
    calls: list[tuple[Any, ...]] = []
    error = Boom()

    def function(*args: Any) -> str:
        calls.append(args)
        return "ignored"

    promise, resolve, _ = Promise[int].with_resolvers()
    resolve(1)

    assert await promise.finally_(function) == 1
    assert (await outcome(make_rejected(error, when).finally_(function)))[1] is error
    assert calls == [(), ()]


@pytest.mark.parametrize("kind", FULFILLING)
async def test_finally_waits_for_what_is_returned(kind: str) -> None:
    """Rule 60: and the outcome passes then."""
    error = Boom()

    def function() -> Any:
        return FULFILLING[kind]("ignored")

    assert await Promise.resolve(1).finally_(function) == 1
    assert await outcome(make_rejected(error).finally_(function)) == ("rejected", error)


@pytest.mark.parametrize("kind", [*REJECTING, "raise"])
async def test_a_failure_in_finally_replaces_the_outcome(kind: str) -> None:
    """Rule 60."""
    error = Boom("finally")

    def function() -> Any:
        if kind == "raise":
            raise error

        return REJECTING[kind](error)

    child = Promise.resolve(1).finally_(function)
    assert await outcome(child) == ("rejected", error)

    child = make_rejected(Boom("before")).finally_(function)
    assert await outcome(child) == ("rejected", error)


async def test_finally_really_waits() -> None:
    """Rule 60: the child is pending until then."""
    gate, open_, _ = Promise[None].with_resolvers()
    child = Promise.resolve(1).finally_(lambda: gate)
    await turns()

    assert child.state == "pending"
    open_(None)
    assert await child == 1


async def test_tap_shows_the_value_and_lets_it_pass() -> None:
    """Reasons pass by unseen."""
    seen: list[int] = []
    error = Boom()

    assert await Promise.resolve(1).tap(seen.append) == 1
    assert await outcome(make_rejected(error).tap(seen.append)) == ("rejected", error)
    assert seen == [1]


async def test_tap_waits_and_fails_like_finally() -> None:
    """What it returns is waited for."""
    gate, open_, _ = Promise[None].with_resolvers()
    error = Boom()
    child = Promise.resolve(1).tap(lambda _: gate)
    await turns()
    assert child.state == "pending"
    open_(None)
    assert await child == 1

    failing = Promise.resolve(1).tap(lambda _: Promise.reject(error))
    assert await outcome(failing) == ("rejected", error)


async def test_try_calls_at_once() -> None:
    """Rule 61: with the arguments; what it raises rejects."""
    calls: list[Any] = []

    def function(*args: Any, **kwargs: Any) -> str:
        calls.append((args, kwargs))
        return "value"

    def fails() -> None:
        raise Boom

    async def work(value: int) -> int:
        return value + 1

    promise = Promise.try_(function, 1, key=2)
    assert calls == [((1,), {"key": 2})]
    assert await promise == "value"
    assert isinstance((await outcome(Promise.try_(fails)))[1], Boom)
    assert await Promise.try_(work, 1) == 2
    assert await Promise.try_(Thenable, lambda resolve, _: resolve(3)) == 3  # type: ignore[comparison-overlap]


async def test_try_lets_an_interrupt_through() -> None:
    """It is on the caller's stack."""

    def fails() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Promise.try_(fails)


async def test_run_runs_in_a_task() -> None:
    """Not before the caller has gone on."""
    log: list[str] = []

    async def work(name: str, *, times: int) -> str:
        log.append("began")
        await anyio.lowlevel.checkpoint()
        return name * times

    def fails() -> Any:
        raise Boom

    promise = Promise.run(work, "ab", times=2)
    log.append("returned")

    assert await promise == "abab"
    assert log == ["returned", "began"]
    assert isinstance((await outcome(Promise.run(fails)))[1], Boom)


async def test_run_wants_something_to_await() -> None:
    """A sync function is for `try_`."""
    state, reason = await outcome(Promise.run(lambda: 1))  # type: ignore[arg-type, return-value]

    assert state == "rejected"
    assert "use Promise.try_" in str(reason)


async def test_run_keeps_its_task_alive() -> None:
    """Nobody but the loop holds it."""
    import gc

    done: list[int] = []

    async def work() -> None:
        for _ in range(5):
            gc.collect()
            await anyio.lowlevel.checkpoint()

        done.append(1)

    Promise.run(work)
    await turns(20)
    assert done == [1]


async def test_a_timeout_passes_what_comes_in_time() -> None:
    """Either way, and stops its timer."""
    error = Boom()

    assert await Promise.resolve(1).timeout(60) == 1
    assert await outcome(make_rejected(error).timeout(60)) == ("rejected", error)
    promise, resolve, _ = Promise[int].with_resolvers()
    limited = promise.timeout(60)
    resolve(2)
    assert await limited == 2


async def test_a_timeout_rejects_what_does_not() -> None:
    """With an error that is a `TimeoutError` and tells the time."""
    promise, resolve, _ = Promise[int].with_resolvers()
    kept = promise.then()
    state, reason = await outcome(promise.timeout(0.001))

    assert state == "rejected"
    assert isinstance(reason, PromiseTimeoutError)
    assert isinstance(reason, TimeoutError)
    assert "0.001 seconds" in str(reason)
    resolve(1)
    assert await kept == 1


async def test_a_delay_passes_the_value_later() -> None:
    """A reason at once."""
    error = Boom()
    promise = Promise.resolve(1).delay(0.001)
    await drained()

    assert promise.state == "pending"
    assert await promise == 1
    failing = make_rejected(error).delay(60)
    assert await outcome(failing) == ("rejected", error)


async def test_a_delay_can_be_cancelled_on_both_sides_of_its_timer() -> None:
    """It gives up the parent, or the timer."""
    parent = Promise[int].with_resolvers()[0]
    waiting = parent.delay(60)
    waiting.cancel()
    assert parent.state == "rejected"

    delayed = Promise.resolve(1).delay(60)
    await drained()
    delayed.cancel()
    assert delayed.state == "rejected"


async def test_a_timer_cancelled_with_its_job_in_the_queue() -> None:
    """The parent has ended, and the job that would tell comes to nothing."""
    for method in (Promise.delay, Promise.timeout):
        promise = method(Promise.resolve(1), 60)
        assert promise.cancel()
        await drained()
        assert promise.state == "rejected"


@pytest.mark.parametrize("bad", [-1, -0.001, float("nan")])
async def test_a_time_has_to_be_one(bad: float) -> None:
    """At the call, with the value in the message."""
    promise = Promise.resolve(1)
    methods: list[Callable[[float], object]] = [promise.timeout, promise.delay]

    for method in methods:
        with pytest.raises(OptionError, match="seconds="):
            method(bad)
