"""What is called: idle callbacks, each with code of its own, and bare loops."""

# A program's callbacks are different functions. Many references to one function would
# let the interpreter specialise one call site for it, and flatter every loop.

from __future__ import annotations

__all__ = (
    "AsyncCallback",
    "Callback",
    "async_functions",
    "bare",
    "functions",
    "methods",
    "suspending",
)

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from benchmarks.measure import Case

Callback: TypeAlias = Callable[[Any], None]
AsyncCallback: TypeAlias = Callable[[Any], Awaitable[None]]


def functions(number: int) -> tuple[Callback, ...]:
    """Make so many functions."""
    return tuple(_made("def f(x): pass", "f") for _ in range(number))


def methods(number: int) -> tuple[Callback, ...]:
    """Make so many bound methods, of so many objects."""
    text = "class C:\n def f(self, x): pass\nf = C().f"
    return tuple(_made(text, "f") for _ in range(number))


def async_functions(number: int) -> tuple[AsyncCallback, ...]:
    """Make so many async functions that never suspend."""
    return tuple(_made("async def f(x): pass", "f") for _ in range(number))


def suspending(
    number: int, pause: Callable[[], Awaitable[None]]
) -> tuple[AsyncCallback, ...]:
    """Make so many async functions that let others run once."""
    text = "async def f(x): await pause()"
    return tuple(_made(text, "f", pause=pause) for _ in range(number))


def bare(called: Sequence[Callback], payload: object) -> Case:
    """Make the case that everything is held against: a `for` loop over callbacks."""

    def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            for function in called:
                function(payload)

    return case


def _made(text: str, name: str, **namespace: object) -> Any:
    exec(text, namespace)
    return namespace[name]
