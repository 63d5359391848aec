"""blinker: signals by sender, those of Flask."""

# https://blinker.readthedocs.io/en/stable/: the payload is the sender, which is the
# shortest `send`; strong references (`weak=False`) are the cheaper ones to call.

from __future__ import annotations

__all__ = ("BLINKER",)

import importlib
import itertools
from collections.abc import Mapping, Sequence

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
)


def _signal(callbacks: Sequence[Callback]) -> Emitter:
    signal = importlib.import_module("blinker").Signal()

    for callback in callbacks:
        signal.connect(callback, weak=False)

    def change(callback: Callback) -> None:
        signal.connect(callback, weak=False)
        signal.disconnect(callback)

    return called(signal.send, 1, change=change)


def _named(table: Mapping[str, Callback]) -> Case:
    signal = importlib.import_module("blinker").Namespace().signal

    for name, callback in table.items():
        signal(name).connect(callback, weak=False)

    names = tuple(table)

    def case(number: int) -> None:
        for name in itertools.islice(itertools.cycle(names), number):
            signal(name).send(1)

    return case


def _awaited(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    signal = importlib.import_module("blinker").Signal()

    for callback in callbacks:
        signal.connect(callback, weak=False)

    return awaited(signal.send_async, 1)


WRONG = """
import blinker
signal = blinker.Signal()
signal.connect(takes_text)  # wrong callback
signal.send(1)  # wrong payload
"""

BLINKER = Rival(
    library="blinker",
    module="blinker",
    wrong=WRONG,
    ways=(
        Way(
            name="send",
            subscribed=_signal,
            subscribes="connect and disconnect",
            named=_named,
        ),
    ),
    awaited=(AwaitedWay(name="send_async", subscribed=_awaited),),
)
