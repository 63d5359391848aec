"""Promises made for a given home, by the bus and the bridges."""

from __future__ import annotations

__all__ = ("run_in",)

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from .home import Home
from .promise import Promise, deferred
from .resolution import begin

T = TypeVar("T")
P = ParamSpec("P")


def run_in(
    home: Home, async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> Promise[T]:
    """Run an async function in a task of this home; see `Promise.run`."""
    promise: Promise[T] = deferred(home)[0]
    begin(promise, lambda: async_fn(*args, **kwargs))
    return promise
