"""A program that is interrupted in callbacks, again and again: it has no more to say.

Run it as ``python interrupted.py LOOP``. What Python itself adds to an interrupt that
nobody caught is caught; so all that appears on its stderr is too much.
"""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel

from upcall import Bus, EventEmitter

Case = Callable[[], Awaitable[None]]


class Interrupted:
    """A callback that is interrupted."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind

    async def __call__(self, _: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise self._kind


async def endless(_: object) -> None:
    """Run until somebody ends it."""
    await anyio.sleep_forever()


def cases(callback: Any, loop: str) -> list[Case]:
    """Make all that may be interrupted."""

    async def emit() -> None:
        async with make_bus() as bus:
            bus.emit("a")
            await anyio.sleep_forever()

    async def leave() -> None:
        async with make_bus() as bus:
            bus.emit("a")

    async def aemit() -> None:
        await make_bus().aemit("a")

    async def emit_soon() -> None:
        async with make_bus() as bus:
            await bus.emit_soon("a")

    async def emit_threadsafe() -> None:
        async with make_bus() as bus:
            bus.emit_threadsafe("a")
            await anyio.sleep_forever()

    async def run() -> None:
        async with make_bus() as bus:
            bus.run(callback, None)
            await anyio.sleep_forever()

    async def listen() -> None:
        emitter = EventEmitter()
        emitter.on("a", callback)
        emitter.emit("a", None)
        await anyio.sleep_forever()

    def make_bus() -> Bus:
        bus = Bus()
        bus.on("a", endless)
        bus.on("a", callback)
        bus.on("a", endless)
        return bus

    everywhere: list[Case] = [emit, leave, aemit, emit_soon, emit_threadsafe, run]

    # Trio takes an interrupt in a task that belongs to the run itself for a bug.
    return everywhere if loop == "trio" else [*everywhere, listen]


def run_case(case: Any, loop: str) -> None:
    """Run it in this loop."""
    if loop == "plain":
        asyncio.run(case())
    elif loop == "uvloop":
        anyio.run(case, backend_options={"use_uvloop": True})
    else:
        anyio.run(case, backend=loop)


def main(loop: str) -> None:
    """Run all of them, and let each be interrupted."""
    for kind in (KeyboardInterrupt, SystemExit):
        for case in cases(Interrupted(kind), loop):
            try:
                run_case(case, loop)
            except kind:
                gc.collect()
            else:
                raise AssertionError(f"{case} was not interrupted by {kind}")


if __name__ == "__main__":
    main(sys.argv[1])
