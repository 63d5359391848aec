"""Promises made for a given home, by the bus and the bridges."""

from __future__ import annotations

__all__ = ("run_in",)

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec, TypeVar

from .cell import make_cell
from .home import Home
from .promise import Promise
from .resolution import begin

T = TypeVar("T")
P = ParamSpec("P")


def run_in(
    home: Home, async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> Promise[T]:
    """Run an async function in a task of this home; see `Promise.run`."""
    kind: type[Promise[T]] = Promise
    return begin(make_cell(kind, home), partial(async_fn, *args, **kwargs))
