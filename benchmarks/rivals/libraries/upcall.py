"""Upcall itself."""

from __future__ import annotations

__all__ = ("UPCALL",)

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback
from benchmarks.measure import Case, calls
from benchmarks.rivals.entry import (
    AsyncEmitter,
    AwaitedWay,
    Emitter,
    PromiseWay,
    Rival,
    Way,
    awaited,
    called,
    in_turn,
)

import upcall


@upcall.event("rivals.ticked")
class Ticked:
    """Something happened."""

    number: int


def _signal(callbacks: Sequence[Callback]) -> Emitter:
    signal = upcall.Signal[int]("ticked")

    for callback in callbacks:
        signal.on(callback)

    def change(callback: Callback) -> None:
        signal.on(callback).cancel()

    return called(signal.emit, 1, change=change)


def _bus(callbacks: Sequence[Callback]) -> Emitter:
    bus = upcall.Bus()

    for callback in callbacks:
        bus.on(Ticked, callback)

    def change(callback: Callback) -> None:
        bus.on(Ticked, callback).cancel()

    return called(bus.emit, Ticked(number=1), change=change)


def _named(table: Mapping[str, Callback]) -> Case:
    bus = upcall.Bus()

    for name, callback in table.items():
        bus.on(name, callback)

    return in_turn(bus.emit, table)


def _pattern(table: Mapping[str, Callback], _pattern: str, name: str) -> Case:
    bus = upcall.Bus()

    for key, callback in table.items():
        bus.on(key, callback)

    return calls(bus.emit, name, 1)


def _node(callbacks: Sequence[Callback]) -> Emitter:
    """Node's emitter, for those who come from pyee."""
    emitter = _quiet()

    for callback in callbacks:
        emitter.on("ticked", callback)

    def change(callback: Callback) -> None:
        emitter.on("ticked", callback)
        emitter.off("ticked", callback)

    return called(emitter.emit, "ticked", 1, change=change)


def _node_named(table: Mapping[str, Callback]) -> Case:
    emitter = _quiet()

    for name, callback in table.items():
        emitter.on(name, callback)

    return in_turn(emitter.emit, table)


def _quiet() -> upcall.EventEmitter:
    emitter = upcall.EventEmitter()
    emitter.set_max_listeners(0)  # no warning of a leak: we mean it
    return emitter


def _awaited(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return _asignal(callbacks, sequential=False)


def _sequential(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return _asignal(callbacks, sequential=True)


def _asignal(callbacks: Sequence[AsyncCallback], *, sequential: bool) -> AsyncEmitter:
    signal = upcall.Signal[int]("ticked", sequential=sequential)

    for callback in callbacks:
        signal.on(callback)

    return awaited(signal.aemit, 1)


async def _alone(number: int) -> None:
    make = upcall.Promise[int].with_resolvers  # the subscript costs as much as one
    last: upcall.Promise[int] | None = None

    for _ in range(number):
        promise, resolve, _ = make()
        last = promise.then(_add)
        resolve(0)

    if last is not None:
        await last


async def _chain(links: int) -> None:
    last, resolve, _ = upcall.Promise[int].with_resolvers()

    for _ in range(links):
        last = last.then(_add)

    resolve(0)
    await last


async def _every(number: int) -> None:
    make = upcall.Promise[int].with_resolvers
    made = [make() for _ in range(number)]
    combined = upcall.Promise.all([promise for promise, _, _ in made])

    for _, resolve, _ in made:
        resolve(0)

    await combined


async def _later() -> bool:
    heard: list[Any] = []
    promise, resolve, _ = upcall.Promise[int].with_resolvers()
    promise.then(heard.append)
    resolve(0)
    return not heard


def _add(value: int) -> int:
    return value + 1


def _version(library: str) -> str:
    """Return it, also where this checkout is run without having been installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "of this checkout"


WRONG = """
import upcall
signal = upcall.Signal[int]("ticked")
signal.on(takes_text)  # wrong callback
signal.emit("text")  # wrong payload
promise, resolve, reject = upcall.Promise[int].with_resolvers()
promise.then(takes_text)  # wrong callback
resolve("text")  # wrong payload
"""

UPCALL = Rival(
    library="upcall",
    module="upcall",
    version_of=_version,
    wrong=WRONG,
    ways=(
        Way(name="Signal.emit", subscribed=_signal, subscribes="Signal.on and cancel"),
        Way(
            name="Bus.emit",
            subscribed=_bus,
            subscribes="Bus.on and cancel",
            named=_named,
            pattern=_pattern,
        ),
        Way(
            name="EventEmitter.emit",
            subscribed=_node,
            subscribes="EventEmitter.on and off",
            named=_node_named,
        ),
    ),
    awaited=(
        AwaitedWay(name="Signal.aemit", subscribed=_awaited),
        AwaitedWay(name="Signal.aemit, sequential", subscribed=_sequential),
    ),
    promises=(
        PromiseWay(
            name="Promise", alone=_alone, chain=_chain, every=_every, later=_later
        ),
    ),
)
