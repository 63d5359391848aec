"""Emitting to async callbacks and waiting for them, on asyncio."""

from __future__ import annotations

__all__ = ("awaiting",)

import asyncio

from benchmarks.measure import Race, arace
from benchmarks.results import Figure, Result
from benchmarks.rivals.field import Field, figures, judged, none
from benchmarks.rivals.made import async_callbacks

TABLE = "rivals awaited"
PEERS = ("pyee", "Django")
NUMBERS = (1, 10, 100)
ROUNDS = 15
SAMPLE = 0.01
KINDS = {"return at once": False, "suspend once": True}


def awaiting(field: Field, *, quick: bool) -> list[Result | Figure]:
    """Measure each way beside all others, and judge that no peer is ahead."""
    found = asyncio.run(_awaiting(field, quick=quick))
    lacking = [
        none(TABLE, f"{rival.library} {rival.version()}", column, rival.not_awaited)
        for rival in field.present
        if rival.ways and not rival.awaited
        for column in _columns()
    ]
    return found + lacking


async def _awaiting(field: Field, *, quick: bool) -> list[Result | Figure]:
    found: list[Result | Figure] = []

    for column, (number, suspend) in _columns().items():
        raced = await _raced(field, number, suspend=suspend, quick=quick)
        found += figures(raced, TABLE, column, next(iter(raced.times)))

        if number > 1 and not suspend:
            found += judged(field, raced, f"aemit to {number}", PEERS)

    return found


def _columns() -> dict[str, tuple[int, bool]]:
    return {
        f"await {number} that {kind}": (number, suspend)
        for kind, suspend in KINDS.items()
        for number in NUMBERS
    }


async def _raced(field: Field, number: int, *, suspend: bool, quick: bool) -> Race:
    emitters = {
        title: way.subscribed(
            async_callbacks(number, suspend=suspend, keywords=way.keywords)
        )
        for title, way in field.awaited().items()
    }
    cases = {title: emitter.case for title, emitter in emitters.items()}
    rounds, sample = (None, None) if quick else (ROUNDS, SAMPLE)
    raced = await arace(cases, quick=quick, rounds=rounds, sample=sample)

    for emitter in emitters.values():
        if emitter.close is not None:
            await emitter.close()

    return raced
