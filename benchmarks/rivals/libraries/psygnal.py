"""psygnal: Qt's signals without Qt, compiled with mypyc where a wheel is."""

# https://psygnal.readthedocs.io/en/stable/API/: `SignalInstance.emit_fast` is the
# emission without checks and locks, and `connect(check_nargs=False)` leaves out the
# look at the callback's signature.

from __future__ import annotations

__all__ = ("PSYGNAL",)

import importlib
from collections.abc import Sequence
from typing import Any

from benchmarks.callbacks import Callback
from benchmarks.rivals.entry import Emitter, Rival, Way, called


def _fast(callbacks: Sequence[Callback]) -> Emitter:
    signal = _signal(callbacks)
    return called(signal.emit_fast, 1, change=_change(signal))


def _emit(callbacks: Sequence[Callback]) -> Emitter:
    signal = _signal(callbacks)
    return called(signal.emit, 1, change=_change(signal))


def _signal(callbacks: Sequence[Callback]) -> Any:
    signal = importlib.import_module("psygnal").SignalInstance((int,))

    for callback in callbacks:
        signal.connect(callback, check_nargs=False)

    return signal


def _change(signal: Any) -> Any:
    def change(callback: Callback) -> None:
        signal.connect(callback, check_nargs=False)
        signal.disconnect(callback)

    return change


def _edition() -> str:
    is_compiled = importlib.import_module("psygnal")._compiled
    return " compiled" if is_compiled else " not compiled"


WRONG = """
import psygnal
signal = psygnal.SignalInstance((int,))
signal.connect(takes_text)  # wrong callback
signal.emit("text")  # wrong payload
"""

PSYGNAL = Rival(
    library="psygnal",
    module="psygnal",
    wrong=WRONG,
    edition=_edition,
    ways=(
        Way(name="emit_fast", subscribed=_fast, subscribes="connect and disconnect"),
        Way(name="emit", subscribed=_emit),
    ),
    not_awaited="has none: async slots run in a task that nobody can wait for",
)
