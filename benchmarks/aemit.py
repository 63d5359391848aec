"""What `aemit` costs, against awaiting by hand and against native task groups."""

from __future__ import annotations

__all__ = ("run",)

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import trio
from benchmarks.callbacks import AsyncCallback, async_functions, suspending
from benchmarks.measure import AsyncCase, arace
from benchmarks.results import Result

import upcall

ONE_LIMIT = 2.7
GROUP_LIMITS = {"asyncio": 1.4, "uvloop": 1.6, "trio": 1.4}
SEQUENTIAL_LIMIT = 1.3


def run(quick: bool) -> list[Result]:
    """Measure on each loop; a loop's own task group is what it is held against."""
    return [*_asyncio(quick=quick), *_uvloop(quick=quick), *_trio(quick=quick)]


def _asyncio(*, quick: bool) -> list[Result]:
    return anyio.run(_compare, "asyncio", _in_task_group, _pause_asyncio, quick)


def _uvloop(*, quick: bool) -> list[Result]:
    return anyio.run(
        _compare,
        "uvloop",
        _in_task_group,
        _pause_asyncio,
        quick,
        backend_options={"use_uvloop": True},
    )


def _trio(*, quick: bool) -> list[Result]:
    return anyio.run(
        _compare, "trio", _in_nursery, trio.lowlevel.checkpoint, quick, backend="trio"
    )


async def _compare(
    loop: str,
    group: Callable[[Sequence[AsyncCallback]], AsyncCase],
    pause: Callable[[], Awaitable[None]],
    quick: bool,
) -> list[Result]:
    found = [await _one(loop, quick=quick)]
    limit = GROUP_LIMITS[loop]

    for number in (10, 100):
        for kind, called in (
            ("that return at once", async_functions(number)),
            ("that suspend", suspending(number, pause)),
        ):
            cases = {"aemit": _aemit(called), "group": group(called)}
            title = f"aemit on {loop}, {number} {kind}, against its task group"
            measured = await arace(cases, quick=quick)
            found.append(measured.result(title, "aemit", "group", limit))

        found.append(await _sequential(loop, async_functions(number), quick=quick))

    return found


async def _one(loop: str, *, quick: bool) -> Result:
    called = async_functions(1)
    cases = {"aemit": _aemit(called), "bare": _awaited(called)}
    title = f"aemit on {loop}, one, against await callback(x)"
    return (await arace(cases, quick=quick)).result(title, "aemit", "bare", ONE_LIMIT)


async def _sequential(
    loop: str, called: Sequence[AsyncCallback], *, quick: bool
) -> Result:
    cases = {"aemit": _aemit(called, sequential=True), "bare": _awaited(called)}
    title = f"aemit on {loop}, {len(called)}, sequential, against awaiting each"
    measured = await arace(cases, quick=quick)
    return measured.result(title, "aemit", "bare", SEQUENTIAL_LIMIT)


def _aemit(called: Sequence[AsyncCallback], *, sequential: bool = False) -> AsyncCase:
    signal = upcall.Signal[int]("ticked", sequential=sequential)

    for callback in called:
        signal.on(callback)

    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            await signal.aemit(1)

    return case


def _awaited(called: Sequence[AsyncCallback]) -> AsyncCase:
    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            for function in called:
                await function(1)

    return case


def _in_task_group(called: Sequence[Any]) -> AsyncCase:
    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            async with asyncio.TaskGroup() as group:
                for function in called:
                    group.create_task(function(1))

    return case


def _in_nursery(called: Sequence[AsyncCallback]) -> AsyncCase:
    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            async with trio.open_nursery() as nursery:
                for function in called:
                    nursery.start_soon(function, 1)

    return case


async def _pause_asyncio() -> None:
    await asyncio.sleep(0)
