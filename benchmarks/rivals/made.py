"""The callbacks of the comparison: idle ones, each with code and a name of its own."""

from __future__ import annotations

__all__ = ("async_callbacks", "callbacks")

import asyncio
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback


def callbacks(number: int, *, keywords: bool = False) -> tuple[Callback, ...]:
    """Make so many functions that take a payload, or the keyword `x` and others."""
    return _made(number, "def", "pass", keywords=keywords)


def async_callbacks(
    number: int, *, suspend: bool = False, keywords: bool = False
) -> tuple[AsyncCallback, ...]:
    """Make so many async ones, that return at once or let the loop turn once."""
    body = "await sleep(0)" if suspend else "pass"
    return _made(number, "async def", body, keywords=keywords)


def _made(number: int, kind: str, body: str, *, keywords: bool) -> tuple[Any, ...]:
    takes = "x, **_" if keywords else "x"
    found: dict[str, Any] = {"sleep": asyncio.sleep, "__name__": __name__}
    names = [f"callback_{place}" for place in range(number)]

    for name in names:
        exec(f"{kind} {name}({takes}): {body}", found)

    return tuple(found[name] for name in names)
