"""What Python does without any library: the measure of all others."""

from __future__ import annotations

__all__ = ("PYTHON",)

import asyncio
import functools
import itertools
import platform
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback, bare
from benchmarks.measure import Case
from benchmarks.rivals.entry import (
    AsyncEmitter,
    AwaitedWay,
    Emitter,
    PromiseWay,
    Rival,
    Way,
    awaited,
)


def _loop(called: Sequence[Callback]) -> Emitter:
    case, table = bare(called, 1), dict.fromkeys(called)

    def change(callback: Callback) -> None:
        table[callback] = None
        del table[callback]

    return Emitter(once=functools.partial(case, 1), case=case, change=change)


def _named(called: Mapping[str, Callback]) -> Case:
    table = {name: (callback,) for name, callback in called.items()}

    def case(number: int) -> None:
        for name in itertools.islice(itertools.cycle(table), number):
            for function in table[name]:
                function(1)

    return case


def _pattern(called: Mapping[str, Callback], pattern: str, _name: str) -> Case:
    return bare((called[pattern],), 1)


def _in_turn(called: Sequence[AsyncCallback]) -> AsyncEmitter:
    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            for function in called:
                await function(1)

    return AsyncEmitter(once=functools.partial(case, 1), case=case)


def _gather(called: Sequence[AsyncCallback]) -> AsyncEmitter:
    async def once() -> None:
        await asyncio.gather(*[function(1) for function in called])

    return awaited(once)


def _task_group(called: Sequence[AsyncCallback]) -> AsyncEmitter:
    made: Sequence[Any] = called

    async def once() -> None:
        async with asyncio.TaskGroup() as group:
            for function in made:
                started: Coroutine[Any, Any, None] = function(1)
                group.create_task(started)

    return awaited(once)


async def _alone(number: int) -> None:
    loop = asyncio.get_running_loop()

    for _ in range(number):
        future = loop.create_future()
        future.add_done_callback(lambda future: _add(future.result()))
        future.set_result(0)

    await asyncio.sleep(0)


async def _chain(links: int) -> None:
    loop = asyncio.get_running_loop()
    first = last = loop.create_future()

    for _ in range(links):
        after = loop.create_future()
        last.add_done_callback(functools.partial(_pass_on, after))
        last = after

    first.set_result(0)
    await last


async def _every(number: int) -> None:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(number)]
    gathered = asyncio.gather(*futures)

    for future in futures:
        future.set_result(0)

    await gathered


async def _later() -> bool:
    heard: list[Any] = []
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(heard.append)
    future.set_result(0)
    return not heard


def _pass_on(after: Any, future: Any) -> None:
    after.set_result(_add(future.result()))


def _add(value: int) -> int:
    return value + 1


PYTHON = Rival(
    library="Python",
    module="asyncio",
    version_of=lambda _: platform.python_version(),
    ways=(
        Way(
            name="a bare loop",
            subscribed=_loop,
            subscribes="a dict",
            named=_named,
            pattern=_pattern,
        ),
    ),
    awaited=(
        AwaitedWay(name="await each in turn", subscribed=_in_turn),
        AwaitedWay(name="asyncio.gather", subscribed=_gather),
        AwaitedWay(name="asyncio.TaskGroup", subscribed=_task_group),
    ),
    promises=(
        PromiseWay(
            name="asyncio.Future",
            alone=_alone,
            chain=_chain,
            every=_every,
            later=_later,
        ),
    ),
)
