"""Promises: alone, as a chain, and many combined to one, in a running asyncio loop."""

from __future__ import annotations

__all__ = ("promising",)

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from benchmarks.measure import AsyncCase, arace
from benchmarks.results import Figure
from benchmarks.rivals.entry import PromiseWay
from benchmarks.rivals.field import Field, figures

TABLE = "rivals promises"
ROUNDS = 15
SAMPLE = 0.01

Doing = Callable[[PromiseWay], tuple[Callable[[int], Awaitable[object]], int]]
COLUMNS: dict[str, Doing] = {
    "1000 promises: make, then, settle": lambda way: (way.alone, 1000),
    "a chain of 100": lambda way: (way.chain, 100),
    "a chain of 1000": lambda way: (way.chain, 1000),
    "all of 100": lambda way: (way.every, 100),
}


def promising(field: Field, *, quick: bool) -> list[Figure]:
    """Measure each kind beside `asyncio.Future`."""
    return asyncio.run(_promising(field, quick=quick))


async def _promising(field: Field, *, quick: bool) -> list[Figure]:
    found: list[Figure] = []

    for column, doing in COLUMNS.items():
        cases = {title: _times(*doing(way)) for title, way in field.promises().items()}
        rounds, sample = (None, None) if quick else (ROUNDS, SAMPLE)
        raced = await arace(cases, quick=quick, rounds=rounds, sample=sample)
        found += figures(raced, TABLE, column, next(iter(cases)))

    return found


def _times(do: Callable[[int], Awaitable[object]], size: int) -> AsyncCase:
    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            await do(size)

    return case
