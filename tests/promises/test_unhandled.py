"""Rejections that nobody handles: rules 43 to 47."""

from __future__ import annotations

__all__ = ()

import asyncio
import logging
from typing import Any

import anyio
import pytest
import trio
from tests.promises.kinds import Boom, drained, later, turns

from upcall._promises.home import Home, loop_home, set_unhandled_rejection_hook
from upcall._promises.promise import Promise, quiet
from upcall._promises.start import deferred, run_in

Told = list[tuple[Promise[Any], BaseException]]


async def test_it_is_told_once_at_the_end_of_the_turn(unhandled: Told) -> None:
    """Rules 43 and 44."""
    error = Boom()
    promise = Promise.reject(error)

    assert unhandled == []
    await drained()
    await turns()

    assert unhandled == [(promise, error)]
    unhandled.clear()


async def test_a_handler_of_the_same_turn_is_in_time(unhandled: Told) -> None:
    """Rule 43: a job of the queue may still attach it, however deep."""
    promise = Promise.reject(Boom())

    def attach(depth: int) -> None:
        if depth:
            Promise.resolve(depth - 1).then(attach)
        else:
            promise.catch(lambda _: None)

    Promise.resolve(50).then(attach)
    await drained()

    assert unhandled == []


async def test_a_handler_of_a_later_turn_is_too_late(unhandled: Told) -> None:
    """Rules 43 and 45: and that it came after all is told too."""
    late: list[Promise[Any]] = []
    set_unhandled_rejection_hook(
        lambda *told: unhandled.append(told), handled=late.append
    )
    promise = Promise.reject(Boom())
    await drained()
    await turns()
    assert late == []

    promise.catch(lambda _: None)
    promise.catch(lambda _: None)
    await drained()

    assert [told for told, _ in unhandled] == [promise]
    assert late == [promise]
    unhandled.clear()


async def test_awaiting_late_is_told_too(unhandled: Told) -> None:
    """Rule 45: await handles, late or not."""
    late: list[Promise[Any]] = []
    set_unhandled_rejection_hook(
        lambda *told: unhandled.append(told), handled=late.append
    )
    promise = Promise.reject(Boom())
    await drained()

    with pytest.raises(Boom):
        await promise

    assert late == [promise]
    unhandled.clear()


async def test_a_late_handler_is_logged_by_default(
    unhandled: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule 45: so that who reads of a rejection reads of its handling, too."""
    caplog.set_level(logging.INFO, "upcall")
    promise = Promise.reject(Boom())
    await drained()
    promise.catch(lambda _: None)

    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert "handled after all" in caplog.text
    unhandled.clear()


async def test_only_the_ends_of_chains_are_told(unhandled: Told) -> None:
    """Rule 44: handling hands the duty on to the children; each branch has its own."""
    error = Boom()
    promise = Promise.reject(error)
    one = promise.then(lambda _: None).finally_(lambda: None)
    other = promise.then(None, None)
    promise.catch(lambda _: None)
    await drained()

    assert {told for told, _ in unhandled} == {one, other}
    assert {reason for _, reason in unhandled} == {error}
    unhandled.clear()


@pytest.mark.parametrize(
    "handle",
    [
        lambda p: p.catch(lambda _: None),
        lambda p: p.then(None, lambda _: None),
        lambda p: Promise.all_settled([p]),
        lambda p: Promise.any([p, 1]),
        lambda p: Promise.race([1, p]),
        lambda p: Promise.resolve(0).then(lambda _: p).catch(lambda _: None),
        lambda p: Promise(lambda resolve, _: resolve(p)).catch(lambda _: None),
        lambda p: p.to_concurrent(),
        quiet,
    ],
)
async def test_all_of_these_handle(handle: Any, unhandled: Told) -> None:
    """Rule 44: following and combining count, as they hand the duty on."""
    handle(Promise.reject(Boom()))
    await drained()

    assert unhandled == []


async def test_a_pending_promise_with_a_cancelled_awaiter_stays_heard(
    unhandled: Told,
) -> None:
    """Rule 41: who awaited has been told where it stands."""
    promise, _, reject = Promise[int].with_resolvers()

    with anyio.move_on_after(0):
        await promise

    reject(Boom())
    await drained()
    assert unhandled == []


async def test_cancelled_promises_are_never_told(unhandled: Told) -> None:
    """Rule 47: nor what comes of them."""
    promise, _, _ = Promise[int].with_resolvers()
    promise.then(lambda _: None).finally_(lambda: None)
    Promise.all([promise, 1])
    promise.cancel()
    await drained()

    assert unhandled == []


async def test_an_error_while_cleaning_up_is_told(unhandled: Told) -> None:
    """Nobody can hear of it but the hook: the promise was cancelled already."""
    error = Boom("while cleaning up")
    promise, _, _ = Promise[int].with_resolvers()

    def fails() -> None:
        raise error

    promise.finally_(fails).cancel()
    await drained()

    assert [reason for _, reason in unhandled] == [error]
    unhandled.clear()


def test_the_default_on_asyncio_is_the_loops_exception_handler() -> None:
    """Rule 46."""
    set_unhandled_rejection_hook(None)
    told: list[dict[str, Any]] = []
    error = Boom()

    async def main() -> Promise[Any]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        promise = Promise.reject(error)
        await drained()
        return promise

    promise = asyncio.run(main())

    assert len(told) == 1
    assert told[0]["exception"] is error
    assert told[0]["promise"] is promise
    assert "nobody handles" in told[0]["message"]


def test_the_default_on_trio_is_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Rule 46: trio has no place for it."""
    set_unhandled_rejection_hook(None)
    error = Boom("seen in the log")

    async def main() -> None:
        Promise.reject(error)
        await drained()

    trio.run(main)

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("upcall", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_hook_that_fails_is_told_and_harms_nobody(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error goes where rejections go by default; the other jobs run."""
    told: list[str] = []

    def hook(_: Promise[Any], reason: BaseException) -> None:
        told.append(str(reason))
        raise RuntimeError("the hook itself")

    async def main() -> None:
        Promise.reject(Boom("one"))
        Promise.reject(Boom("two"))
        await drained()
        await turns()

    set_unhandled_rejection_hook(hook)
    asyncio.run(main()) if loop == "asyncio" else trio.run(main)

    assert told == ["one", "two"]
    assert caplog.text.count("the hook for unhandled rejections failed") == 2
    assert "the hook itself" in caplog.text


async def test_a_hook_may_handle_what_it_hears_of(unhandled: Told) -> None:
    """It runs in the loop, so it may chain on."""
    seen: list[BaseException] = []

    def hook(promise: Promise[Any], _: BaseException) -> None:
        promise.catch(seen.append)

    set_unhandled_rejection_hook(hook)
    error = Boom()
    Promise.reject(error)
    await drained()

    assert seen == [error]


async def test_a_home_hears_of_its_own_and_all_that_comes_of_them(
    unhandled: Told,
) -> None:
    """A bus is one: the hook hears nothing of its promises."""
    told: list[BaseException] = []

    class Sink(Home):
        def report(self, promise: Promise[Any], reason: BaseException) -> None:
            told.append(reason)

    home = Sink(loop_home().loop)
    errors = [Boom(str(number)) for number in range(6)]

    async def fails(_: object) -> None:
        raise errors[0]

    promise, _, reject = deferred(home)
    promise.then(lambda _: None).finally_(lambda: None)
    reject(errors[1])
    run_in(home, fails, 1)
    started, resolve, _ = deferred(home)
    started.then(fails)
    resolve(1)
    Promise.all([started, Promise.reject(errors[2])])
    started.delay(0).then(lambda _: Promise.reject(errors[3]))
    started.timeout(5).then(lambda _: Promise.reject(errors[4]))
    later(lambda: Promise.map([started], fails))
    await turns(20)

    assert sorted(str(error) for error in told) == ["0", "0", "0", "1", "2", "3", "4"]
    assert unhandled == []
