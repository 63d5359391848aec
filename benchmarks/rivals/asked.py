"""Questions to a way of calling sync callbacks, answered by trying it."""

from __future__ import annotations

__all__ = (
    "Found",
    "failures_are_told",
    "hands_back",
    "holds",
    "is_in_order",
    "keeps_awaitable",
    "others_run",
    "told",
)

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import attrs
from benchmarks.callbacks import Callback
from benchmarks.rivals.entry import Way

OTHERS = 20
TURNS = 5
TRIES = 5  # an order that is left to chance is not right so often


@attrs.frozen
class Found:
    """An answer, and what was seen."""

    yes: bool
    note: str = ""


async def others_run(way: Way) -> Found:
    """Let the first fail, and count who of the others was called."""
    counts: list[int] = []

    for _ in range(TRIES):
        heard: list[int] = []
        called = [_failing(KeyError("first")), *_recording(heard)]
        _outcome(way.subscribed(called).once)
        counts.append(len(heard))

    return Found(min(counts) == OTHERS, f"{min(counts)} of {OTHERS} were called")


async def failures_are_told(way: Way) -> Found:
    """Let the first and the last fail, and look who hears of both."""
    errors = [KeyError("first"), ValueError("last")]
    first, last = (_failing(error) for error in errors)
    emitter = way.subscribed([first, *_recording([]), last])
    return told(errors, _outcome(emitter.once), emitter.told)


async def is_in_order(way: Way) -> Found:
    """Subscribe many, and compare."""
    for _ in range(TRIES):
        heard: list[int] = []
        _outcome(way.subscribed(_recording(heard)).once)

        if heard != sorted(heard):
            return Found(yes=False)

    return Found(yes=True)


async def keeps_awaitable(way: Way) -> Found:
    """Let a callback return a coroutine, and see whether anybody has it then."""
    made: list[Coroutine[Any, Any, None]] = []

    def callback(*_: object, **__: object) -> Coroutine[Any, Any, None]:
        made.append(_nothing())
        return made[-1]

    outcome = _outcome(way.subscribed([callback]).once)  # type: ignore[list-item]
    handed_back = any(holds(outcome, each) for each in made)

    for _ in range(TURNS):
        await asyncio.sleep(0)

    states = {inspect.getcoroutinestate(each) for each in made}

    for each in made:
        each.close()

    if handed_back:
        return Found(yes=True, note="it is handed back")

    if states != {inspect.CORO_CLOSED}:
        return Found(yes=False, note="it is never awaited")

    how = f"refused: {type(outcome).__name__}"
    return Found(True, how if isinstance(outcome, Exception) else "it is run as a task")


async def hands_back(way: Way) -> Found:
    """Let a callback return something, and look for it."""
    value = object()

    def callback(*_: object, **__: object) -> object:
        return value

    outcome = _outcome(way.subscribed([callback]).once)  # type: ignore[list-item]
    return Found(holds(outcome, value))


def told(
    errors: Sequence[Exception], outcome: object, listener: Sequence[object]
) -> Found:
    """Look for the errors in what came out, and in what a listener of errors heard."""
    heard = sum(holds([outcome, *listener], error) for error in errors)
    how = "raises" if isinstance(outcome, Exception) else "returns"
    where = "its listener of errors" if listener else f"{how} {type(outcome).__name__}"
    return Found(heard == len(errors), f"{where}: {heard} of {len(errors)} failures")


def holds(outcome: object, wanted: object) -> bool:
    """Tell whether it is that, or has it: in a sequence, a group, or as a cause."""
    if outcome is wanted:
        return True

    if isinstance(outcome, BaseException):
        inside = [outcome.__cause__, outcome.__context__]
        inside += getattr(outcome, "exceptions", ())
        return any(holds(each, wanted) for each in inside if each is not None)

    if isinstance(outcome, list | tuple):
        parts = cast("Sequence[object]", outcome)
        return any(holds(each, wanted) for each in parts)

    return False


def _outcome(once: Callable[[], object]) -> object:
    """Return what comes out, and what is raised as well."""
    try:
        return once()
    except Exception as error:  # noqa: BLE001 (what comes out is what we ask for)
        return error


def _recording(heard: list[int]) -> list[Callback]:
    return [_recorder(heard, place) for place in range(OTHERS)]


def _recorder(heard: list[int], place: int) -> Callback:
    def callback(*_: object, **__: object) -> None:
        heard.append(place)

    return callback


def _failing(error: Exception) -> Callback:
    def callback(*_: object, **__: object) -> None:
        raise error

    return callback


async def _nothing() -> None:
    pass
