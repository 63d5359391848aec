"""The futures of asyncio and of threads, for those who may not import them."""

from __future__ import annotations

__all__ = (
    "AsyncioFuture",
    "ConcurrentFuture",
    "invalid_state",
    "is_asyncio_future",
    "is_concurrent_future",
    "new_asyncio_future",
    "new_concurrent_future",
)

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from upcall.errors import WrongLoopError

from .loop import Loop

if TYPE_CHECKING:  # `import upcall` is to import neither
    from asyncio import Future as AsyncioFuture
    from concurrent.futures import Future as ConcurrentFuture
else:
    AsyncioFuture = ConcurrentFuture = Any


def is_asyncio_future(value: object) -> TypeGuard[AsyncioFuture[Any]]:
    """Tell whether it is a future or task of asyncio, uvloop's included."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio.isfuture(value)


def is_concurrent_future(value: object) -> TypeGuard[ConcurrentFuture[Any]]:
    """Tell whether it is a future of `concurrent.futures`."""
    concurrent = sys.modules.get("concurrent.futures")
    return concurrent is not None and isinstance(value, concurrent.Future)


def new_asyncio_future(loop: Loop) -> AsyncioFuture[Any]:
    """Make a future of this loop.

    Raises:
        WrongLoopError: if the loop is trio's.
    """
    from .asyncio import AsyncioLoop  # noqa: PLC0415 (only where it is used)

    if not isinstance(loop, AsyncioLoop):
        raise WrongLoopError(
            "a future of asyncio needs asyncio's loop, and this promise lives on "
            "trio: await the promise itself, or use to_concurrent()"
        )

    return loop.new_future()


def new_concurrent_future() -> ConcurrentFuture[Any]:
    """Make a future that any thread may wait for."""
    from concurrent.futures import Future  # noqa: PLC0415 (only where it is used)

    return Future()


def invalid_state() -> type[Exception]:
    """Return what a future of `concurrent.futures` raises that has ended already."""
    from concurrent.futures import InvalidStateError  # noqa: PLC0415 (likewise)

    return InvalidStateError
