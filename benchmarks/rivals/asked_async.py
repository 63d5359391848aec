"""Questions to a way of awaiting async callbacks, answered by trying it."""

from __future__ import annotations

__all__ = (
    "failures_are_told",
    "is_cancelled_with_caller",
    "is_concurrent",
    "others_finish",
    "works_on_trio",
)

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from benchmarks.callbacks import AsyncCallback
from benchmarks.rivals.asked import Found, told
from benchmarks.rivals.entry import AsyncEmitter, AwaitedWay

OTHERS = 5
TURNS = 3
PATIENCE = 30


async def others_finish(way: AwaitedWay) -> Found:
    """Let the first fail at once, and count who has finished when we are told."""
    heard: list[int] = []
    called = [_failing(KeyError("first")), *_recording(heard)]

    async with _open(way, called) as emitter:
        await _outcome(emitter)
        finished = len(heard)

    return Found(finished == OTHERS, f"{finished} of {OTHERS} had finished")


async def failures_are_told(way: AwaitedWay) -> Found:
    """Let the first fail, and later the last, and look who hears of both."""
    errors = [KeyError("first"), ValueError("last")]
    first, last = _failing(errors[0]), _failing(errors[1], late=True)

    async with _open(way, [first, *_recording([]), last]) as emitter:
        outcome = await _outcome(emitter)

    return told(errors, outcome, emitter.told)


async def is_concurrent(way: AwaitedWay) -> Found:
    """Count how many run at the same time."""
    running: list[None] = []
    counts: list[int] = []

    async def callback() -> None:
        running.append(None)
        counts.append(len(running))
        await _turns()
        running.pop()

    async with _open(way, [_calling(callback) for _ in range(OTHERS)]) as emitter:
        await _outcome(emitter)

    most = max(counts, default=0)
    return Found(most == OTHERS, f"{most} of {OTHERS} ran at once")


async def is_cancelled_with_caller(way: AwaitedWay) -> Found:
    """Cancel who waits, and see whether those that ran still run then."""
    started, release = asyncio.Event(), asyncio.Event()
    running: list[int] = []

    def waiting(place: int) -> AsyncCallback:
        async def callback(*_: object, **__: object) -> None:
            running.append(place)
            started.set()

            try:
                await release.wait()
            finally:
                running.remove(place)

        return callback

    async with _open(way, [waiting(place) for place in range(2)]) as emitter:
        caller = asyncio.ensure_future(emitter.once())
        await asyncio.wait_for(started.wait(), PATIENCE)
        caller.cancel()
        await asyncio.wait([caller], timeout=PATIENCE)
        left = len(running)
        release.set()
        await _turns()

    return Found(not left, f"{left} still ran" if left else "")


async def works_on_trio(way: AwaitedWay) -> Found:
    """Emit under trio: to be called there."""
    heard: list[int] = []

    async def callback(*_: object, **__: object) -> None:
        heard.append(1)

    outcome = await _outcome(way.subscribed([callback]))
    is_error = isinstance(outcome, Exception)
    note = f"raises {type(outcome).__name__}" if is_error else ""
    return Found(bool(heard) and not is_error, way.on_trio or note)


@asynccontextmanager
async def _open(
    way: AwaitedWay, called: Sequence[AsyncCallback]
) -> AsyncGenerator[AsyncEmitter, None]:
    emitter = way.subscribed(called)

    try:
        yield emitter
    finally:
        await _turns()

        if emitter.close is not None:
            await emitter.close()


async def _outcome(emitter: AsyncEmitter) -> object:
    """Return what comes out, and what is raised as well."""
    try:
        return await emitter.once()
    except Exception as error:  # noqa: BLE001 (what comes out is what we ask for)
        return error


def _recording(heard: list[int]) -> list[AsyncCallback]:
    return [_recorder(heard, place) for place in range(OTHERS)]


def _recorder(heard: list[int], place: int) -> AsyncCallback:
    async def callback(*_: object, **__: object) -> None:
        await _turns()
        heard.append(place)

    return callback


def _failing(error: Exception, *, late: bool = False) -> AsyncCallback:
    async def callback(*_: object, **__: object) -> None:
        if late:
            await _turns()

        raise error

    return callback


def _calling(function: Callable[[], Awaitable[None]]) -> AsyncCallback:
    async def callback(*_: object, **__: object) -> None:
        await function()

    return callback


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
