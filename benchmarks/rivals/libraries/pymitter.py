"""pymitter: Node's EventEmitter2, with namespaces and wildcards."""

# https://pymitter.readthedocs.io/en/latest/: `wildcard=True` only where a pattern is
# subscribed, for it costs. 1.1 pins typing-extensions to a version older than anyio's,
# so it goes in with `pip install --no-deps pymitter`.

from __future__ import annotations

__all__ = ("PYMITTER",)

import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback
from benchmarks.measure import Case, calls
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
    emitter = _emitter(callbacks)

    def change(callback: Callback) -> None:
        emitter.on("ticked", callback)
        emitter.off("ticked", callback)

    return called(emitter.emit, "ticked", 1, change=change)


def _named(table: Mapping[str, Callback]) -> Case:
    emitter = importlib.import_module("pymitter").EventEmitter()

    for name, callback in table.items():
        emitter.on(name, callback)

    return in_turn(emitter.emit, table)


def _pattern(table: Mapping[str, Callback], _pattern: str, name: str) -> Case:
    emitter = importlib.import_module("pymitter").EventEmitter(wildcard=True)

    for key, callback in table.items():
        emitter.on(key, callback)

    return calls(emitter.emit, name, 1)


def _awaited(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return awaited(functools.partial(_emitter(callbacks).emit_async, "ticked", 1))


def _emitter(callbacks: Sequence[Any]) -> Any:
    emitter = importlib.import_module("pymitter").EventEmitter()

    for callback in callbacks:
        emitter.on("ticked", callback)

    return emitter


WRONG = """
import pymitter
emitter = pymitter.EventEmitter()
emitter.on("ticked", takes_text)  # wrong callback
emitter.emit("ticked", 1)  # wrong payload
"""

PYMITTER = Rival(
    library="pymitter",
    module="pymitter",
    wrong=WRONG,
    ways=(
        Way(
            name="emit",
            subscribed=_plain,
            subscribes="on and off",
            named=_named,
            pattern=_pattern,
        ),
    ),
    awaited=(AwaitedWay(name="emit_async", subscribed=_awaited),),
)
