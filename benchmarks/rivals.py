"""Upcall beside other event libraries, each in the fastest way its docs show."""

# Rule 1: everybody gets the same callbacks, as many, and one payload.
# Rule 2: who is faster is told by the time of the whole emission, as the user sees it.
# Rule 3: a library that is not installed is skipped, and the table says so:
#   pip install psygnal eventkit pyee blinker Events

from __future__ import annotations

__all__ = ("run",)

import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, TypeAlias

import anyio
from benchmarks.callbacks import AsyncCallback, Callback, async_functions, functions
from benchmarks.measure import AsyncCase, Case, arace, calls, race
from benchmarks.results import Result, skipped

import upcall

Setup: TypeAlias = Callable[[Sequence[Callback]], Case]
AsyncSetup: TypeAlias = Callable[[Sequence[AsyncCallback]], AsyncCase]


def run(quick: bool) -> list[Result]:
    """Emit to 1, 10 and 100 functions, and await 10 and 100 async ones."""
    found = [result for number in (1, 10, 100) for result in _sync(number, quick=quick)]
    found += anyio.run(_async, quick)
    absent = {library for library, _ in [*SYNC, *ASYNC] if _version(library) is None}
    return found + [skipped(name, "it is not installed") for name in sorted(absent)]


def _sync(number: int, *, quick: bool) -> list[Result]:
    called = functions(number)
    cases = _installed(SYNC, called)
    raced = race({"Upcall": _upcall(called), **cases}, quick=quick)
    return [
        raced.result(f"Signal.emit to {number}, against {name}", "Upcall", name, 1)
        for name in cases
    ]


async def _async(quick: bool) -> list[Result]:
    found: list[Result] = []

    for number in (10, 100):
        called = async_functions(number)
        cases = _installed(ASYNC, called)
        raced = await arace({"Upcall": _upcall_async(called), **cases}, quick=quick)
        found += [
            raced.result(f"aemit to {number}, against {name}", "Upcall", name, 1)
            for name in cases
        ]

    return found


def _installed(setups: Mapping[tuple[str, str], Any], called: Any) -> dict[str, Any]:
    """Set up those that are there, named with their versions."""
    return {
        f"{library} {version}, {way}": setup(called)
        for (library, way), setup in setups.items()
        if (version := _version(library)) is not None
    }


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _upcall(called: Sequence[Callback]) -> Case:
    signal = upcall.Signal[int]("ticked")

    for callback in called:
        signal.on(callback)

    return calls(signal.emit, 1)


def _upcall_async(called: Sequence[AsyncCallback]) -> AsyncCase:
    signal = upcall.Signal[int]("ticked")

    for callback in called:
        signal.on(callback)

    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            await signal.aemit(1)

    return case


def _psygnal(called: Sequence[Callback]) -> Case:
    """`emit_fast` skips the checks, and `check_nargs=False` skips them at connect."""
    signals: Any = importlib.import_module("psygnal")
    signal = signals.SignalInstance((int,))

    for callback in called:
        signal.connect(callback, check_nargs=False)

    return _one_tuple(signal.emit_fast)


def _one_tuple(emit_fast: Callable[[tuple[int]], object]) -> Case:
    payload = (1,)
    return calls(emit_fast, payload)


def _eventkit(called: Sequence[Callback]) -> Case:
    event = importlib.import_module("eventkit").Event("ticked")

    for callback in called:
        event.connect(callback)

    return calls(event.emit, 1)


def _pyee(called: Sequence[Callback]) -> Case:
    """The plain emitter; the one for asyncio looks at each result as well."""
    emitter = importlib.import_module("pyee").EventEmitter()

    for callback in called:
        emitter.on("ticked", callback)

    return calls(emitter.emit, "ticked", 1)


def _blinker(called: Sequence[Callback]) -> Case:
    """The payload is the sender; strong references are the cheaper ones."""
    signal = importlib.import_module("blinker").Signal()

    for callback in called:
        signal.connect(callback, weak=False)

    return calls(signal.send, 1)


def _events(called: Sequence[Callback]) -> Case:
    events = importlib.import_module("events").Events()
    slot = events.ticked

    for callback in called:
        slot += callback

    return calls(slot, 1)


def _pyee_async(called: Sequence[AsyncCallback]) -> AsyncCase:
    emitter = importlib.import_module("pyee.asyncio").AsyncIOEventEmitter()

    for callback in called:
        emitter.on("ticked", callback)

    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            emitter.emit("ticked", 1)
            await emitter.wait_for_complete()

    return case


def _django(called: Sequence[AsyncCallback]) -> AsyncCase:
    """Its receivers take keywords only, so each is wrapped in one that does."""
    settings = importlib.import_module("django.conf").settings

    if not settings.configured:
        settings.configure()

    signal = importlib.import_module("django.dispatch").Signal(use_caching=True)
    receivers = [_by_keyword(callback) for callback in called]

    for receiver in receivers:
        signal.connect(receiver, weak=False)

    async def case(number: int) -> None:
        for _ in itertools.repeat(None, number):
            await signal.asend(case, payload=1)

    return case


def _by_keyword(callback: AsyncCallback) -> Callable[..., Any]:
    async def receiver(payload: object, **_: object) -> None:
        await callback(payload)

    return receiver


SYNC: Mapping[tuple[str, str], Setup] = {
    ("psygnal", "emit_fast"): _psygnal,
    ("eventkit", "emit"): _eventkit,
    ("pyee", "emit"): _pyee,
    ("blinker", "send"): _blinker,
    ("Events", "slot()"): _events,
}
ASYNC: Mapping[tuple[str, str], AsyncSetup] = {
    ("pyee", "emit and wait_for_complete"): _pyee_async,
    ("Django", "asend"): _django,
}
