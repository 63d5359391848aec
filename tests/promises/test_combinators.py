"""`all`, `all_settled`, `any`, `race` and `map`: rules 56 to 59 and 62."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.promises.kinds import (
    Boom,
    Touchy,
    drained,
    make_fulfilled,
    make_rejected,
    outcome,
    turns,
)
from tests.promises.thenables import FULFILLING, REJECTING

from upcall._promises.outcomes import Fulfilled, Rejected
from upcall._promises.promise import Promise
from upcall.errors import AllRejectedError, OptionError

MANY: dict[str, Callable[[Any], Promise[Any]]] = {
    "all": Promise.all,
    "all_settled": Promise.all_settled,
    "any": Promise.any,
    "race": Promise.race,
    "map": lambda items: Promise.map(items, lambda item: item),
}


async def test_all_gives_the_values_in_input_order() -> None:
    """Rule 56: whoever was first."""
    inputs = [
        make_fulfilled("a", "eventually"),
        make_fulfilled("b", "already"),
        "c",
        make_fulfilled("d", "immediately"),
    ]

    assert await Promise.all(inputs) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("combine", ["all", "all_settled"])
async def test_a_tuple_gives_a_tuple_and_all_else_a_list(combine: str) -> None:
    """So that the types of its elements are kept."""
    function = MANY[combine]

    assert type(await function((1, 2))) is tuple
    assert type(await function(())) is tuple

    for items in ([1], {1: 2}, {3}, iter([4]), (n for n in range(2)), "ab", []):
        assert type(await function(items)) is list


@pytest.mark.parametrize("kind", FULFILLING)
@pytest.mark.parametrize("combine", MANY)
async def test_elements_are_resolved(combine: str, kind: str) -> None:
    """Rule 56: whatever `resolve` takes may be one."""
    expected: dict[str, Any] = {
        "all": ["v"],
        "all_settled": [Fulfilled("v")],
        "any": "v",
        "race": "v",
        "map": ["v"],
    }

    assert await MANY[combine]([FULFILLING[kind]("v")]) == expected[combine]


@pytest.mark.parametrize("kind", REJECTING)
@pytest.mark.parametrize("combine", MANY)
async def test_rejected_elements_are_resolved(combine: str, kind: str) -> None:
    """Rules 56 to 59."""
    error = Boom()
    state, thing = await outcome(MANY[combine]([REJECTING[kind](error)]))

    if combine == "all_settled":
        assert (state, thing) == ("fulfilled", [Rejected(error)])
    elif combine == "any":
        assert isinstance(thing, AllRejectedError)
        assert thing.errors == (error,)
    else:
        assert (state, thing) == ("rejected", error)


async def test_nothing_settles_on_the_spot() -> None:
    """Rule 56: whatever the elements are."""
    promises = [
        function(items)
        for function in MANY.values()
        for items in ([], [1, 2], (Promise.resolve(1),))
    ]

    for promise in promises:
        promise.catch(lambda _: None)

    assert {promise.state for promise in promises} == {"pending"}
    await drained()
    assert [promise.state for promise in promises].count("pending") == 1  # race of none


async def test_of_nothing() -> None:
    """Rules 56 to 59."""
    assert await Promise.all([]) == []
    assert await Promise.all_settled([]) == []
    assert await Promise.map([], len) == []
    assert isinstance((await outcome(Promise.any([])))[1], AllRejectedError)
    race: Promise[Any] = Promise.race([])
    await turns()
    assert race.state == "pending"


@pytest.mark.parametrize("combine", MANY)
@pytest.mark.parametrize("bad", [5, None, object()])
async def test_what_is_no_iterable_rejects(combine: str, bad: Any) -> None:
    """Rule 56: as in ECMAScript."""
    state, reason = await outcome(MANY[combine](bad))

    assert state == "rejected"
    assert isinstance(reason, TypeError)


@pytest.mark.parametrize("combine", MANY)
async def test_what_an_iterator_raises_rejects(combine: str) -> None:
    """Rules 56 and 57: all_settled, too."""
    error = Boom()

    def items() -> Iterator[Any]:
        yield Promise.resolve(1)
        raise error

    class Uniterable:
        def __iter__(self) -> Iterator[Any]:
            raise error

    assert await outcome(MANY[combine](items())) == ("rejected", error)
    assert await outcome(MANY[combine](Uniterable())) == ("rejected", error)


async def test_the_first_rejection_wins_at_once() -> None:
    """Rule 56: it does not wait for the others."""
    first, second = Boom("first"), Boom("second")
    never = Promise[int].with_resolvers()[0]
    late = make_rejected(second, "eventually")
    promise = Promise.all([never, late, make_rejected(first, "immediately")])

    assert await outcome(promise) == ("rejected", first)
    await turns(10)  # the other's rejection is nobody's concern


async def test_values_are_not_touched() -> None:
    """Rule 3."""
    value = Touchy()

    for function in MANY.values():
        found = await function([Promise.fulfilled(value)])
        assert type(found) in (list, Touchy)


async def test_one_promise_may_be_given_many_times() -> None:
    """Each time it counts."""
    promise, resolve, _ = Promise[int].with_resolvers()
    combined = Promise.all([promise] * 3)
    settled = Promise.all_settled([promise, promise])
    resolve(1)

    assert await combined == [1, 1, 1]
    assert await settled == [Fulfilled(1)] * 2


async def test_all_settled_gives_records_for_match() -> None:
    """Rule 57."""
    error = Boom()
    found: list[object] = []

    for outcome_ in await Promise.all_settled([make_rejected(error), 1]):
        match outcome_:
            case Fulfilled(value):
                found.append(value)
            case Rejected(reason):
                found.append(reason)

    assert found == [error, 1]
    assert Fulfilled(1) == Fulfilled(1) != Fulfilled(2)


async def test_any_takes_the_first_value() -> None:
    """Rule 58: past rejections."""
    inputs = [
        make_rejected(Boom()),
        make_fulfilled("late", "eventually"),
        make_fulfilled("early", "immediately"),
    ]

    assert await Promise.any(inputs) == "early"


async def test_race_takes_the_first_end() -> None:
    """Rule 59: ties by input order."""
    error = Boom()

    assert await Promise.race(["a", "b"]) == "a"
    assert await Promise.race([Promise.resolve(1), Promise.reject(error)]) == 1
    state, reason = await outcome(
        Promise.race([make_fulfilled(1, "eventually"), make_rejected(error)])
    )
    assert (state, reason) == ("rejected", error)


@pytest.mark.parametrize("combine", MANY)
async def test_many_elements(combine: str) -> None:
    """And no element's job is a burden for the others."""
    found = await MANY[combine](range(20_000))

    assert found in (
        list(range(20_000)),
        [Fulfilled(n) for n in range(20_000)],
        0,
    )


# --- map ---


async def test_map_gives_results_in_input_order() -> None:
    """Rule 62: whoever was first; sync and async functions alike."""

    async def slow(number: int) -> int:
        await turns(10 * (5 - number))
        return number * 10

    assert await Promise.map(range(5), slow) == [0, 10, 20, 30, 40]
    assert await Promise.map("abc", str.upper, concurrency=1) == ["A", "B", "C"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100, None])
async def test_map_keeps_to_its_concurrency(limit: int | None) -> None:
    """Rule 62: never more at once, and as many as that; starts in input order."""
    running = most = 0
    started: list[int] = []

    async def work(number: int) -> int:
        nonlocal running, most
        started.append(number)
        running += 1
        most = max(most, running)
        await turns(40 + number % 3)
        running -= 1
        return number

    assert await Promise.map(range(8), work, concurrency=limit) == list(range(8))
    assert started == list(range(8))
    assert most == min(limit or 8, 8)


async def test_map_waits_for_promised_items_in_order() -> None:
    """Rule 62: the first item comes last, and is still the first to start."""
    started: list[Any] = []
    items = [make_fulfilled("a", "eventually"), "b", make_fulfilled("c", "immediately")]

    await Promise.map(items, started.append)

    assert started == ["a", "b", "c"]


async def test_map_calls_nothing_on_the_spot() -> None:
    """Rule 11 holds for it, too."""
    calls: list[int] = []
    promise = Promise.map([1], calls.append)

    assert calls == []
    await promise
    assert calls == [1]


async def test_map_stops_at_the_first_rejection() -> None:
    """No further call; those under way go on unheard."""
    error = Boom()
    started: list[int] = []
    ended: list[int] = []

    async def work(number: int) -> None:
        started.append(number)
        await turns(2 * number)

        if number == 1:
            raise error

        ended.append(number)

        if number == 2:
            raise Boom("unheard")

    promise = Promise.map(range(10), work, concurrency=3)

    assert await outcome(promise) == ("rejected", error)
    await turns(20)
    assert started[:3] == [0, 1, 2]
    assert len(started) <= 4
    assert 2 in ended


async def test_a_rejected_item_rejects_map() -> None:
    """Without a call for it."""
    error = Boom()
    calls: list[Any] = []
    promise: Promise[Any] = Promise.map(
        [1, make_rejected(error), 3], calls.append, concurrency=1
    )

    assert await outcome(promise) == ("rejected", error)
    assert calls == [1]


async def test_cancelling_map_cancels_its_calls() -> None:
    """And starts no other."""
    cancelled: list[int] = []
    started: list[int] = []

    async def work(number: int) -> None:
        started.append(number)

        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(number)

    promise = Promise.map(range(5), work, concurrency=2)
    await turns()
    promise.cancel()
    await turns()

    assert sorted(cancelled) == started == [0, 1]


async def test_cancelling_map_gives_up_the_item_it_waits_for() -> None:
    """As a consumer of it."""
    item = Promise[int].with_resolvers()[0]
    promise = Promise.map([item, 1], lambda value: value)
    await turns()
    promise.cancel()

    assert item.state == "rejected"


async def test_calls_of_map_that_fail_in_one_turn_count_once() -> None:
    """The second is unheard, though its job is in the queue."""
    error = Boom()
    gate, _, reject = Promise[int].with_resolvers()
    promise = Promise.map([1, 2, 3], lambda _: gate)
    await turns()
    reject(error)

    assert await outcome(promise) == ("rejected", error)


async def test_a_combination_of_nothing_can_be_cancelled() -> None:
    """Before its job has come."""
    for function in MANY.values():
        assert function([]).cancel()

    await drained()


@pytest.mark.parametrize("bad", [0, -1])
async def test_map_refuses_a_concurrency_of_nothing(bad: int) -> None:
    """At the call, with the value in the message."""
    with pytest.raises(OptionError, match=f"concurrency={bad}"):
        Promise.map([1], str, concurrency=bad)
