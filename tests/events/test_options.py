"""What `on` accepts and what it refuses: callables and options."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from upcall import (
    OptionError,
    Signal,
)


class Callee:
    """Callable, and not hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.heard: list[int] = []

    def __eq__(self, other: object) -> bool:
        return True

    def __call__(self, x: int) -> None:
        self.heard.append(x)


class Listener:
    """Has a method to subscribe."""

    def __init__(self, heard: list[int]) -> None:
        self.heard = heard

    def hear(self, x: int) -> None:
        self.heard.append(x)


@pytest.mark.parametrize(
    "callback",
    [len, partial(max, "a"), Callee(), str.upper, "{}".format, bool, repr],
)
def test_callables_of_every_kind(callback: Callable[[Any], object]) -> None:
    """Builtins, partials, classes, objects and methods."""
    signal = Signal[Any]("tick")
    signal.on(callback)

    assert signal.emit("1") == 1


@pytest.mark.parametrize(
    "callback", [lambda: None, lambda a, b: None, lambda a, *, b: None, Listener.hear]
)
def test_callback_that_cannot_take_the_payload_is_refused(
    callback: Callable[..., object],
) -> None:
    """At `on`, not at the first emission."""
    with pytest.raises(OptionError, match="one argument"):
        Signal[int]("tick").on(callback)


@pytest.mark.parametrize("callback", [3, "x", object()])
def test_what_is_no_callable_is_refused(callback: Any) -> None:
    """A TypeError of ours."""
    with pytest.raises(OptionError) as caught:
        Signal[int]("tick").on(callback)

    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1.5},
        {"priority": True},
        {"when": 3},
        {"weak": True},
        {"overlap": "sometimes"},
        {"overlap": "queue"},
        {"concurrency": 2},
        {"concurrency": 0, "thread": True},
        {"timeout": 1.0},
        {"timeout": -1, "thread": True},
        {"timeout": "1", "thread": True},
        {"debounce": 0},
        {"debounce": 1, "throttle": 1},
        {"kind": "fast"},
        {"nonsense": 1},
    ],
)
def test_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    """For a sync callback, at `on`, by name."""
    with pytest.raises(OptionError, match=next(iter(options))):
        Signal[int]("tick").on(lambda _: None, **options)


async def test_option_that_contradicts_an_async_callback_is_refused() -> None:
    """A thread is for blocking callbacks; sync is what it is not."""

    async def listener(x: int) -> None: ...

    for options in ({"thread": True}, {"kind": "sync"}):
        with pytest.raises(OptionError):
            Signal[int]("tick").on(listener, **options)
