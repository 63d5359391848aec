"""Promises made for a given home, by the bus and the bridges."""

from __future__ import annotations

__all__ = ("deferred", "run_in")

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from .cell import make_cell
from .home import Home
from .promise import Promise, Reject, Resolve
from .resolution import Backing, Cancellable, begin

T = TypeVar("T")
P = ParamSpec("P")

_PROMISE: Final[type[Promise[Any]]] = Promise


def run_in(
    home: Home, async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> Promise[T]:
    """Run an async function in a task of this home; see `Promise.run`."""
    kind: type[Promise[T]] = Promise
    return begin(make_cell(kind, home), partial(async_fn, *args, **kwargs))


def deferred(
    home: Home, source: Cancellable | None = None
) -> tuple[Promise[Any], Resolve[Any], Reject]:
    """Make a pending promise of this home, and the two functions that settle it.

    Args:
        home: the home.
        source: has its ``cancel()`` called when the promise is cancelled.
    """
    backing = None if source is None else Backing(source)
    promise = make_cell(_PROMISE, home, backing)
    return promise, promise._resolve, promise._reject  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
