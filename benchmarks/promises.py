"""A promise, per link of a chain and alone, against asyncio's future with a callback.

A chain is 1000 links on a pending promise, which is then settled, and its end awaited.
An independent promise is made, given one handler and settled, 1000 times. Every case
starts its own loop, so that all of them, on asyncio, uvloop and trio, take turns.
"""

# The rivals do not all do the same. The coroutines of the plain await never suspend;
# Twisted runs its 1000 callbacks on one object, at once; a future of asyncio takes a
# turn of the loop for each link; concurrent.futures calls back recursively.

from __future__ import annotations

__all__ = ("run",)

import asyncio
import concurrent.futures
import functools
import importlib
import importlib.util
import itertools
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.measure import Case, race
from benchmarks.results import Result, skipped

from upcall._promises.promise import Promise

NUMBER = 1000
FUTURE = "asyncio.Future"
LIMITS = {"a link of a chain": 0.6, "an independent promise": 2.0}

NODE = """
const n = 1000, now = () => process.hrtime.bigint();
async function chain() {
  let settle; let p = new Promise(r => settle = r);
  for (let i = 0; i < n; i++) p = p.then(v => v + 1);
  settle(0); await p;
}
async function alone() {
  let last;
  for (let i = 0; i < n; i++) {
    let settle; const p = new Promise(r => settle = r);
    last = p.then(v => v); settle(i);
  }
  await last;
}
(async () => {
  for (const f of [chain, alone]) {
    let best = Infinity;
    for (let round = 0; round < 300; round++) {
      const start = now(); await f();
      best = Math.min(best, Number(now() - start) / 1e9);
    }
    console.log(best);
  }
})();
"""


def run(quick: bool) -> list[Result]:
    """Measure both, beside what else there is."""
    marks = _node()
    found: list[Result] = []

    for index, (what, limit) in enumerate(LIMITS.items()):
        cases = {name: pair[index] for name, pair in _cases().items()}
        raced = race(cases, quick=quick)
        found += [
            raced.result(
                f"{what}: {name}",
                name,
                FUTURE,
                limit if name.startswith("Promise") else None,
            )
            for name in cases
            if name != FUTURE
        ]
        found += [skipped(f"{what}: {name}", why) for name, why in _absent().items()]

        if marks:
            ratio = marks[index] / raced.best(FUTURE)
            found.append(Result(f"{what}: Node's Promise", ratio, note="the far mark"))

    return found


def _cases() -> dict[str, tuple[Case, Case]]:
    """Give for each name the chain, and the promises that are independent."""
    cases = {
        FUTURE: (_on_asyncio(_future_chain), _on_asyncio(_futures)),
        "Promise on asyncio": (_on_asyncio(_chain), _on_asyncio(_independent)),
        "plain await": (_on_asyncio(_await_chain), _on_asyncio(_awaits)),
        "concurrent.futures": (_many(_thread_chain), _many(_thread_futures)),
    }

    if _is_there("trio"):
        cases["Promise on trio"] = _on_trio(_chain), _on_trio(_independent)

    if _is_there("uvloop"):
        cases["Promise on uvloop"] = _on_uvloop(_chain), _on_uvloop(_independent)

    if _is_there("twisted"):
        cases["Twisted's Deferred"] = _many(_deferred_chain), _many(_deferreds)

    if _is_there("promise"):
        cases["PyPI's promise"] = _many(_pypi_chain), _many(_pypi_promises)

    return cases


def _absent() -> dict[str, str]:
    libraries = {
        "Promise on trio": "trio",
        "Promise on uvloop": "uvloop",
        "Twisted's Deferred": "twisted",
        "PyPI's promise": "promise",
    }
    reasons = {
        name: f"{library} is not installed"
        for name, library in libraries.items()
        if not _is_there(library)
    }
    return reasons if _node() else reasons | {"Node's Promise": "node is not installed"}


def _is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


# --- where a case runs ---


def _on_asyncio(function: Callable[[], Awaitable[object]]) -> Case:
    return lambda number: asyncio.run(_times(function, number))


def _on_trio(function: Callable[[], Awaitable[object]]) -> Case:
    import trio  # noqa: PLC0415 (not everybody has it)

    return lambda number: trio.run(_times, function, number)


def _on_uvloop(function: Callable[[], Awaitable[object]]) -> Case:
    import uvloop  # noqa: PLC0415 (not everybody has it)

    return lambda number: uvloop.run(_times(function, number))


async def _times(function: Callable[[], Awaitable[object]], number: int) -> None:
    for _ in itertools.repeat(None, number):
        await function()


def _many(function: Callable[[], object]) -> Case:
    def case(number: int) -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(20 * NUMBER)  # some call back recursively

        try:
            for _ in itertools.repeat(None, number):
                function()
        finally:
            sys.setrecursionlimit(limit)

    return case


# --- the cases ---


def _add(value: int) -> int:
    return value + 1


async def _chain() -> None:
    last, resolve, _ = Promise[int].with_resolvers()

    for _ in range(NUMBER):
        last = last.then(_add)

    resolve(0)
    await last


async def _independent() -> None:
    make = Promise[int].with_resolvers  # the subscript costs as much as the promise

    for _ in range(NUMBER):
        promise, resolve, _ = make()
        last = promise.then(_add)
        resolve(0)

    await last


async def _future_chain() -> None:
    loop = asyncio.get_running_loop()
    first = last = loop.create_future()

    for _ in range(NUMBER):
        after = loop.create_future()
        last.add_done_callback(functools.partial(_pass_on, after))
        last = after

    first.set_result(0)
    await last


def _pass_on(after: Any, future: Any) -> None:
    after.set_result(_add(future.result()))


async def _futures() -> None:
    loop = asyncio.get_running_loop()

    for _ in range(NUMBER):
        future = loop.create_future()
        future.add_done_callback(lambda future: _add(future.result()))
        future.set_result(0)

    await asyncio.sleep(0)


async def _await_chain() -> None:
    async def link(depth: int) -> int:
        return _add(await link(depth - 1)) if depth else 0

    for _ in range(NUMBER // 100):  # as deep as the interpreter likes it
        await link(100)


async def _awaits() -> None:
    async def one() -> int:
        return _add(0)

    for _ in range(NUMBER):
        await one()


def _thread_chain() -> None:
    first = last = concurrent.futures.Future[int]()

    for _ in range(NUMBER):
        after = concurrent.futures.Future[int]()
        last.add_done_callback(functools.partial(_pass_on, after))
        last = after

    first.set_result(0)
    last.result()


def _thread_futures() -> None:
    for _ in range(NUMBER):
        future = concurrent.futures.Future[int]()
        future.add_done_callback(lambda future: _add(future.result()))
        future.set_result(0)


def _deferred_chain() -> None:
    make = importlib.import_module("twisted.internet.defer").Deferred

    deferred = make()

    for _ in range(NUMBER):
        deferred.addCallback(_add)

    deferred.callback(0)


def _deferreds() -> None:
    make = importlib.import_module("twisted.internet.defer").Deferred

    for _ in range(NUMBER):
        deferred = make()
        deferred.addCallback(_add)
        deferred.callback(0)


def _pypi_chain() -> None:
    make = importlib.import_module("promise").Promise

    first = last = make()

    for _ in range(NUMBER):
        last = last.then(_add)

    first.do_resolve(0)
    last.get()


def _pypi_promises() -> None:
    make = importlib.import_module("promise").Promise

    for _ in range(NUMBER):
        rival = make()
        last = rival.then(_add)
        rival.do_resolve(0)

    last.get()


@functools.cache
def _node() -> tuple[float, ...]:
    """Give Node's seconds for the two cases; none where there is no Node."""
    node = shutil.which("node")

    if node is None:
        return ()

    done = subprocess.run(
        [node, "-e", NODE], capture_output=True, check=True, text=True
    )
    return tuple(float(line) for line in done.stdout.split())
