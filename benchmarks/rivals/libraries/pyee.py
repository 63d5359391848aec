"""pyee: Node's event emitter."""

# https://pyee.readthedocs.io/en/latest/: `EventEmitter` is the plain one; the emitter
# for asyncio looks at each result as well, and has `wait_for_complete`. The latter gets
# a listener of `error`, as the docs want it: without one, a failure ends the emission.

from __future__ import annotations

__all__ = ("PYEE",)

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback
from benchmarks.measure import Case
from benchmarks.rivals.entry import (
    AsyncEmitter,
    AwaitedWay,
    Emitter,
    Rival,
    Way,
    awaited,
    called,
    in_turn,
)


def _plain(callbacks: Sequence[Callback]) -> Emitter:
    return _subscribed(importlib.import_module("pyee").EventEmitter(), callbacks)


def _asyncio(callbacks: Sequence[Callback]) -> Emitter:
    emitter, told = _asyncio_emitter()
    return _subscribed(emitter, callbacks, told)


def _subscribed(
    emitter: Any, callbacks: Sequence[Callback], told: Sequence[object] = ()
) -> Emitter:
    for callback in callbacks:
        emitter.add_listener("ticked", callback)

    def change(callback: Callback) -> None:
        emitter.add_listener("ticked", callback)
        emitter.remove_listener("ticked", callback)

    return called(emitter.emit, "ticked", 1, change=change, told=told)


def _named(table: Mapping[str, Callback]) -> Case:
    emitter = importlib.import_module("pyee").EventEmitter()

    for name, callback in table.items():
        emitter.add_listener(name, callback)

    return in_turn(emitter.emit, table)


def _awaited(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    emitter, told = _asyncio_emitter()

    for callback in callbacks:
        emitter.add_listener("ticked", callback)

    async def once() -> None:
        emitter.emit("ticked", 1)
        await emitter.wait_for_complete()

    return awaited(once, told=told)


def _asyncio_emitter() -> tuple[Any, Sequence[object]]:
    """Make one with its listener of errors, and give what that one hears."""
    told: list[object] = []
    emitter = importlib.import_module("pyee.asyncio").AsyncIOEventEmitter()
    emitter.add_listener("error", told.append)
    return emitter, told


WRONG = """
import pyee
emitter = pyee.EventEmitter()
emitter.add_listener("ticked", takes_text)  # wrong callback
emitter.emit("ticked", 1)  # wrong payload
"""

PYEE = Rival(
    library="pyee",
    module="pyee",
    wrong=WRONG,
    ways=(
        Way(
            name="EventEmitter.emit",
            subscribed=_plain,
            subscribes="add_listener and remove_listener",
            named=_named,
        ),
        Way(name="AsyncIOEventEmitter.emit", subscribed=_asyncio),
    ),
    awaited=(
        AwaitedWay(
            name="emit and wait_for_complete",
            subscribed=_awaited,
            on_trio="TrioEventEmitter is for trio; its emissions cannot be awaited",
        ),
    ),
)
