"""PyPI's promise: Promises/A+, for GraphQL's executors."""

# https://github.com/syrusakbary/promise (README): no scheduler is the default, and the
# fastest: handlers are called at once, in the turn that settles. `do_resolve` settles a
# promise from outside, as its own data loader does.

from __future__ import annotations

__all__ = ("PROMISE",)

import importlib
from typing import Any

from benchmarks.rivals.entry import PromiseWay, Rival


async def _alone(number: int) -> None:
    make, last = _promise(), None

    for _ in range(number):
        promise = make()
        last = promise.then(_add)
        promise.do_resolve(0)

    if last is not None:
        last.get()


async def _chain(links: int) -> None:
    first = last = _promise()()

    for _ in range(links):
        last = last.then(_add)

    first.do_resolve(0)
    last.get()


async def _every(number: int) -> None:
    make = _promise()
    promises = [make() for _ in range(number)]
    combined = make.all(promises)

    for promise in promises:
        promise.do_resolve(0)

    combined.get()


async def _later() -> bool:
    heard: list[Any] = []
    promise = _promise()()
    promise.then(heard.append)
    promise.do_resolve(0)
    return not heard


def _promise() -> Any:
    return importlib.import_module("promise").Promise


def _add(value: int) -> int:
    return value + 1


WRONG = """
from promise import Promise
promise: Promise[int] = Promise()
promise.then(takes_text)  # wrong callback
promise.do_resolve("text")  # wrong payload
"""

PROMISE = Rival(
    library="promise",
    module="promise",
    wrong=WRONG,
    promises=(
        PromiseWay(
            name="Promise", alone=_alone, chain=_chain, every=_every, later=_later
        ),
    ),
)
