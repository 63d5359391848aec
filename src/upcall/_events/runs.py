"""What an awaited emission waits for: the runs of async callbacks."""

from __future__ import annotations

__all__ = ("Awaited", "aemit_bare", "outcome_of", "sort")

from collections.abc import Awaitable, Coroutine
from typing import Any, NoReturn

from upcall._loops.children import Failed
from upcall._loops.families import run_all

from .failures import awaited_failure
from .kinds import is_awaitable
from .plan import Plan
from .policies import NOTHING


async def aemit_bare(plan: Plan, payload: object) -> list[Any]:
    """Emit to nothing but async callbacks without options: the fast path.

    Raises:
        CallbackErrors: callbacks failed; all have been called.
    """
    plan.counts.emissions += 1
    plan.counts.calls += plan.width

    if plan.turn:
        return await _in_turn(plan, payload)

    errors: list[Exception] = []
    outcomes = await run_all(_begin(plan, payload))
    values: list[Any] = []

    for callback, found in zip(plan.bare, outcomes, strict=True):
        if type(found) is Failed:
            errors.append(plan.failure(found.error, callback))
        else:
            values.append(found)

    if errors:
        raise plan.failed(errors)

    return values


def _begin(plan: Plan, payload: object) -> list[Coroutine[Any, Any, Any]]:
    coroutines: list[Coroutine[Any, Any, Any]] = []

    for callback in plan.bare:
        try:
            coroutines.append(callback(payload))
        except Exception as error:  # noqa: BLE001 (raised where it is waited for)
            coroutines.append(_fail(error))

    return coroutines


async def _fail(error: Exception) -> NoReturn:
    raise error


async def _in_turn(plan: Plan, payload: object) -> list[Any]:
    errors: list[Exception] = []
    values: list[Any] = []

    for callback in plan.turn:
        try:
            values.append(await callback(payload))
        except BaseException as error:  # noqa: BLE001 (in a group, or raised again)
            errors.append(plan.failure(awaited_failure(error), callback))

    if errors:
        raise plan.failed(errors)

    return values


class Awaited:
    """A coroutine to wait for, and the callback it belongs to (None: another bus)."""

    __slots__ = ("callback", "coroutine")

    def __init__(self, callback: object, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.callback = callback
        self.coroutine = coroutine


def sort(value: Any, callback: object, values: list[Any], runs: list[Awaited]) -> None:
    """Put what a sync callback returned where it belongs."""
    if is_awaitable(value):
        runs.append(Awaited(callback, _awaiting(value)))
    elif value is not NOTHING:
        values.append(value)


async def _awaiting(value: Any) -> Any:
    return await value


async def outcome_of(coroutine: Awaitable[Any]) -> Any:
    """Await one in the caller's task; give its value, or how it `Failed`."""
    try:
        return await coroutine
    except BaseException as error:  # noqa: BLE001 (handed on, or raised again)
        return Failed(awaited_failure(error))
