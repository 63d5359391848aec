"""Twisted's Deferred, which needs no reactor."""

# https://docs.twisted.org/en/stable/core/howto/defer.html: a chain is one Deferred with
# many callbacks, not many promises; they run at once, in the turn that fires it.
# `gatherResults` is its `all`.

from __future__ import annotations

__all__ = ("TWISTED",)

import importlib
from typing import Any

from benchmarks.rivals.entry import PromiseWay, Rival


async def _alone(number: int) -> None:
    make = _defer().Deferred

    for _ in range(number):
        deferred = make()
        deferred.addCallback(_add)
        deferred.callback(0)


async def _chain(links: int) -> None:
    deferred = _defer().Deferred()

    for _ in range(links):
        deferred.addCallback(_add)

    deferred.callback(0)


async def _every(number: int) -> None:
    make = _defer().Deferred
    deferreds = [make() for _ in range(number)]
    combined = _defer().gatherResults(deferreds)

    for deferred in deferreds:
        deferred.callback(0)

    await combined


async def _later() -> bool:
    heard: list[Any] = []
    deferred = _defer().Deferred()
    deferred.addCallback(heard.append)
    deferred.callback(0)
    return not heard


def _defer() -> Any:
    return importlib.import_module("twisted.internet.defer")


def _add(value: int) -> int:
    return value + 1


WRONG = """
from twisted.internet.defer import Deferred
deferred: Deferred[int] = Deferred()
deferred.addCallback(takes_text)  # wrong callback
deferred.callback("text")  # wrong payload
"""

TWISTED = Rival(
    library="Twisted",
    module="twisted.internet.defer",
    wrong=WRONG,
    promises=(
        PromiseWay(
            name="Deferred", alone=_alone, chain=_chain, every=_every, later=_later
        ),
    ),
)
