"""Cancelling promises: rules 47 to 53."""

from __future__ import annotations

__all__ = ()

from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import Boom, drained, outcome, turns
from tests.promises.thenables import Thenable

from upcall._loops.which import current_loop
from upcall._promises.home import loop_home
from upcall._promises.promise import Promise
from upcall._promises.start import deferred
from upcall.errors import PromiseCancelledError


def pending() -> Promise[Any]:
    """Make a promise that nobody settles."""
    return Promise[Any].with_resolvers()[0]


async def test_cancel_rejects_on_the_spot_and_calls_back_later() -> None:
    """Rule 52a."""
    log: list[str] = []
    promise = pending()
    promise.finally_(lambda: log.append("finally"))

    assert promise.cancel()
    log.append("after cancel")
    assert promise.state == "rejected"
    await drained()

    assert log == ["after cancel", "finally"]


async def test_a_settled_promise_cannot_be_cancelled() -> None:
    """Rule 52e: it does nothing, and says so."""
    fulfilled = Promise.resolve(1)
    rejected = Promise.reject(Boom())
    rejected.catch(lambda _: None)
    cancelled = pending()
    cancelled.cancel()

    assert not fulfilled.cancel()
    assert not rejected.cancel()
    assert not cancelled.cancel()
    assert await fulfilled == 1


async def test_a_cancelled_promise_cannot_be_settled() -> None:
    """Rule 4: the first who decides, decides."""
    promise, resolve, reject = Promise[int].with_resolvers()
    promise.cancel()

    assert not resolve(1)
    assert not reject(Boom())
    assert isinstance((await outcome(promise))[1], PromiseCancelledError)


async def test_downstream_hears_a_rejection() -> None:
    """Rule 52, not 51c: a handler that is never called is an await without an end."""
    calls: list[Any] = []
    promise = pending()
    promise.then(calls.append, lambda reason: calls.append(type(reason)))
    child = promise.then(calls.append).catch(PromiseCancelledError, lambda _: "caught")
    promise.cancel()

    assert await child == "caught"
    assert calls == [PromiseCancelledError]

    with pytest.raises(PromiseCancelledError):
        await promise.then()


async def test_upstream_is_cancelled_with_its_last_consumer() -> None:
    """Rule 52b: counted at every fork."""
    root = pending()
    fork = root.then()
    left, right = fork.then(), fork.catch(lambda _: None)

    left.cancel()
    assert (fork.state, root.state) == ("pending", "pending")

    right.cancel()
    assert (fork.state, root.state) == ("rejected", "rejected")


async def test_a_cancelled_consumer_counts_once() -> None:
    """Rule 52b: cancelling it again gives up nothing more."""
    root = pending()
    left, right = root.then(), root.then()
    left.cancel()
    left.cancel()

    assert root.state == "pending"
    assert right.state == "pending"


async def test_cancelling_upstream_reaches_all_branches() -> None:
    """It is the promise itself that is cancelled, whoever waits."""
    root = pending()
    branches = [root.then(), root.then().then()]
    root.cancel()

    for branch in branches:
        assert isinstance((await outcome(branch))[1], PromiseCancelledError)


async def test_a_cancelled_link_never_calls_on_fulfilled() -> None:
    """Nobody wants what it makes any more, though the parent is fulfilled."""
    calls: list[Any] = []
    root, resolve, _ = Promise[int].with_resolvers()
    kept = root.then(lambda value: value + 1)
    root.then(calls.append).cancel()
    resolve(1)

    assert await kept == 2
    assert calls == []


async def test_a_link_cancelled_after_its_parents_end_is_cancelled_too() -> None:
    """Even if its job is in the queue already."""
    calls: list[Any] = []
    link = Promise.resolve(1).then(calls.append)
    cleaned = Promise.resolve(1).finally_(lambda: calls.append("finally"))
    link.cancel()
    cleaned.cancel()
    await drained()

    assert calls == ["finally"]
    assert isinstance((await outcome(link))[1], PromiseCancelledError)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_cancelled_link_cleans_up_once(*, shared: bool) -> None:
    """Its own `finally_` and `catch` run, in the next turn, whoever else waits."""
    calls: list[Any] = []
    root, resolve, _ = Promise[int].with_resolvers()
    root.finally_(lambda: calls.append("finally")).cancel()

    if shared:
        root, resolve, _ = Promise[int].with_resolvers()
        root.then()
        root.finally_(lambda: calls.append("finally")).cancel()

    root.then(None, lambda reason: calls.append(type(reason))).cancel()
    assert calls == []
    await drained()
    expected = ["finally"] * (1 + shared) + [PromiseCancelledError]
    assert sorted(map(str, calls)) == sorted(map(str, expected))

    resolve(1)
    await drained()
    assert len(calls) == len(expected)


async def test_an_async_cleanup_runs_to_its_end() -> None:
    """What a cancelled `finally_` returns is run like ever."""
    log: list[str] = []
    closed = anyio.Event()

    async def close() -> None:
        await anyio.lowlevel.checkpoint()
        log.append("closed")
        closed.set()

    pending().finally_(close).cancel()

    with anyio.fail_after(5):
        await closed.wait()

    assert log == ["closed"]


def _first(promise: Promise[Any], _: object) -> Promise[Any]:
    return promise


async def test_a_follower_cancels_what_it_follows() -> None:
    """Rule 52f: as its consumer, so not if somebody else waits too."""
    for shared in (False, True):
        other = pending()
        follower, settle, _ = Promise[Any].with_resolvers()
        settle(other)
        direct = Promise.resolve(0).then(partial(_first, other))
        await drained()

        if shared:
            other.then()

        follower.cancel()
        before = other.state
        direct.cancel()
        after = "pending" if shared else "rejected"
        assert (before, other.state) == ("pending", after)


async def test_a_timeout_cancels_what_it_waited_for() -> None:
    """Rule 52i: if it was alone."""
    alone, shared = pending(), pending()
    shared.then()

    await Promise.all_settled([alone.timeout(0), shared.timeout(0)])

    assert (alone.state, shared.state) == ("rejected", "pending")


@pytest.mark.parametrize("combine", ["all", "all_settled", "any", "race"])
async def test_a_combinator_gives_up_its_share_when_it_is_cancelled(
    combine: str,
) -> None:
    """Rule 52g: of each input, so that those nobody wants are cancelled."""
    alone, shared = pending(), pending()
    shared.then()
    promise = getattr(Promise, combine)([alone, shared, alone])
    promise.cancel()

    assert (alone.state, shared.state) == ("rejected", "pending")
    assert isinstance((await outcome(promise))[1], PromiseCancelledError)


async def test_a_cancelled_input_is_a_rejection_like_any_other() -> None:
    """Rule 51h."""
    for combine, state in (("all", "rejected"), ("all_settled", "fulfilled")):
        one = pending()
        promise = getattr(Promise, combine)([one, 1])
        one.cancel()
        assert (await outcome(promise))[0] == state


async def test_losers_are_left_alone() -> None:
    """Rule 52g: a race that is over cancels nobody."""
    loser = pending()
    assert await Promise.race([loser, 1]) == 1
    assert await Promise.any([loser, 1]) == 1
    await outcome(Promise.all([loser, Promise.reject(Boom())]))

    assert loser.state == "pending"


async def test_awaiters_are_consumers_while_they_wait() -> None:
    """Rule 52."""
    root = pending()
    child = root.then()

    async with anyio.create_task_group() as tasks:

        async def waits() -> None:
            await root

        tasks.start_soon(waits)
        await turns()
        child.cancel()
        states = [root.state]
        tasks.cancel_scope.cancel()

    states.append(root.state)  # rule 38: an awaiter settles nothing
    root.then().cancel()
    assert [*states, root.state] == ["pending", "pending", "rejected"]


async def test_a_shield_never_lets_go() -> None:
    """Rule 52."""
    root, resolve, _ = Promise[int].with_resolvers()
    shielded = root.shield()
    child = root.then()

    assert shielded.cancel()
    child.cancel()

    assert (shielded.state, root.state) == ("rejected", "pending")
    resolve(1)
    assert await root == 1

    other = pending()
    passed = other.shield()
    other.cancel()
    assert isinstance((await outcome(passed))[1], PromiseCancelledError)


async def test_a_shield_passes_the_outcome() -> None:
    """It is a link without handlers."""
    error = Boom()

    assert await Promise.resolve(1).shield() == 1
    assert await outcome(Promise.reject(error).shield()) == ("rejected", error)


@pytest.mark.parametrize("start", ["run", "then", "resolve", "bus"])
async def test_cancelling_cancels_the_task_behind(start: str) -> None:
    """Rule 53: the promise at once; the task may clean up, also by waiting."""
    log: list[str] = []
    started, ended = anyio.Event(), anyio.Event()

    async def work(_: object = None) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                log.append("cleaned up")

            raise
        finally:
            ended.set()

    promise: Promise[Any] = {
        "run": lambda: Promise.run(work),
        "then": lambda: Promise.resolve(0).then(work),
        "resolve": lambda: Promise.resolve(work()),
        "bus": lambda: Promise.run(work).then().then(),
    }[start]()
    await started.wait()

    assert promise.cancel()
    assert promise.state == "rejected"
    assert log == []

    with anyio.fail_after(5):
        await ended.wait()

    assert log == ["cleaned up"]


async def test_a_task_is_cancelled_at_every_wait() -> None:
    """Rule 53: as by a cancel scope; swallowing one cancellation is not enough."""
    caught = 0
    ended = anyio.Event()
    started = anyio.Event()

    async def stubborn() -> None:
        nonlocal caught
        started.set()

        while caught < 3:
            try:
                await anyio.sleep(60)
            except anyio.get_cancelled_exc_class():
                caught += 1

        ended.set()

    promise = Promise.run(stubborn)
    await started.wait()
    promise.cancel()

    with anyio.fail_after(5):
        await ended.wait()

    assert caught == 3


async def test_a_task_cancelled_before_it_begins_never_begins() -> None:
    """And nothing is left to be warned of."""
    calls: list[str] = []

    async def work() -> None:
        calls.append("began")

    Promise.run(work).cancel()
    Promise.resolve(work()).cancel()
    await turns()

    assert calls == []


async def test_an_error_of_a_cancelled_task_is_told(unhandled: list[Any]) -> None:
    """While it cleaned up: nobody else could hear of it."""
    error = Boom("cleaning up")
    started = anyio.Event()

    async def work() -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            raise error

    promise = Promise.run(work)
    await started.wait()
    promise.cancel()
    await turns(10)

    assert [reason for _, reason in unhandled] == [error]
    unhandled.clear()


async def test_a_deferred_cancels_its_source() -> None:
    """So a bus may end the subscription behind a `next`."""
    cancelled: list[str] = []

    class Source:
        def cancel(self) -> None:
            cancelled.append("source")

    promise, _, _ = deferred(loop_home(), source=Source())
    promise.then().then().cancel()

    assert cancelled == ["source"]


async def test_a_settled_deferred_forgets_its_source() -> None:
    """Cancelling what comes of it cancels nothing that is over."""

    class Source:
        def cancel(self) -> None:
            raise AssertionError("it was over")

    promise, resolve, _ = deferred(loop_home(), source=Source())
    child = promise.then()
    resolve(1)
    child.cancel()
    promise.cancel()


async def test_a_thenable_that_was_not_asked_yet_is_not_asked() -> None:
    """The promise was cancelled before its job came."""

    def then(*_: Any) -> None:
        raise AssertionError("asked")

    Promise.resolve(Thenable(then)).cancel()
    await drained()


async def test_a_handler_may_cancel_its_own_promise() -> None:
    """What it returns or raises then is nobody's."""
    child: Promise[Any] = Promise.resolve(0).then(lambda _: child.cancel())
    assert isinstance((await outcome(child))[1], PromiseCancelledError)


@pytest.mark.parametrize("number", [100_000])
async def test_cancelling_a_long_chain_is_no_recursion(number: int) -> None:
    """Upstream and downstream."""
    root = last = pending()

    for _ in range(number):
        last = last.then()

    last.cancel()
    assert root.state == "rejected"

    nested = pending()

    for _ in range(5000):
        nested = Promise.all([nested])

    nested.cancel()
    await drained()
    assert not current_loop().jobs.pending


async def test_a_long_lived_promise_keeps_nothing_of_those_who_have_left() -> None:
    """Such as "the program ends", that many a race is run against."""
    root = pending()
    keep = root.then()

    for _ in range(1000):
        root.then().cancel()
        root.timeout(60).cancel()
        Promise.all([root]).cancel()
        assert await Promise.race([1, root]) == 1

        with anyio.move_on_after(0):
            await root

    assert list(root._waiting) == [keep]
    before = root.state
    keep.cancel()
    assert (before, root.state) == ("pending", "rejected")
