"""Absurd arguments: each ends in an error of ours that says what to give."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any

import pytest

from upcall import (
    Promise,
    UpcallError,
    callbackify,
    promisify,
    set_unhandled_rejection_hook,
)
from upcall.errors import WrongTypeError


def take(_: object) -> None:
    """Take a value."""


def one() -> Promise[int]:
    """Make a promise to call."""
    return Promise.resolve(1)


CALLS: dict[str, Callable[[Any], object]] = {
    "Promise": Promise,
    "reject": Promise.reject,
    "try_": Promise.try_,
    "run": Promise.run,
    "map-function": lambda x: Promise.map([1], x),
    "map-concurrency": lambda x: Promise.map([1], take, concurrency=x),
    "then": lambda x: one().then(x),
    "then-rejected": lambda x: one().then(None, x),
    "catch": lambda x: one().catch(x),
    "catch-criterion": lambda x: one().catch(x, take),
    "finally_": lambda x: one().finally_(x),
    "tap": lambda x: one().tap(x),
    "timeout": lambda x: one().timeout(x),
    "delay": lambda x: one().delay(x),
    "from_future": Promise.from_future,
    "promisify": promisify,
    "promisify-callback": lambda x: promisify(take, callback=x),
    "promisify-errback": lambda x: promisify(take, errback=x),
    "callbackify": callbackify,
    "callbackify-callback": lambda x: callbackify(one, callback=x),
    "callbackify-errback": lambda x: callbackify(one, errback=x),
    "hook": set_unhandled_rejection_hook,
    "hook-handled": lambda x: set_unhandled_rejection_hook(None, handled=x),
}

FINE = {
    "None": """map-concurrency then then-rejected promisify-errback
        callbackify-errback hook hook-handled""",
    "3": "map-concurrency timeout delay promisify-callback promisify-errback",
    "'x'": """promisify-callback promisify-errback callbackify-callback
        callbackify-errback""",
    "object()": "",
}
"""Where this makes sense after all."""

ABSURD: dict[str, Any] = {"None": None, "3": 3, "'x'": "x", "object()": object()}


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("call", CALLS)
async def test_absurd_argument_is_an_error_of_ours(call: str, value: str) -> None:
    """At the call, with what was given in the text; nothing else ever."""
    if call in FINE[value].split():
        CALLS[call](ABSURD[value])
        return

    with pytest.raises(UpcallError) as caught:
        CALLS[call](ABSURD[value])

    assert repr(ABSURD[value]) in str(caught.value)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("value", ["None", "3", "object()"])
@pytest.mark.parametrize("name", ["all", "all_settled", "any", "race", "map"])
async def test_what_is_no_iterable_rejects_with_an_error_of_ours(
    name: str, value: str
) -> None:
    """As in ECMAScript, where it is a TypeError."""
    more = (take,) if name == "map" else ()

    with pytest.raises(WrongTypeError, match="is no iterable; give a list") as caught:
        await getattr(Promise, name)(ABSURD[value], *more)

    assert isinstance(caught.value, TypeError)


async def test_what_only_has_elements_can_be_iterated_over() -> None:
    """An old protocol of Python's."""

    class Old:
        def __getitem__(self, index: int) -> int:
            return [1, 2][index]

    old: Any = Old()

    assert await Promise.all(old) == [1, 2]
