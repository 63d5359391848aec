"""Events: C#'s events."""

# https://events.readthedocs.io/en/latest/: `+=` subscribes, and calling the slot emits.
# The slot is looked up once, as a program with one event would keep it.

from __future__ import annotations

__all__ = ("EVENTS",)

import importlib
import itertools
from collections.abc import Mapping, Sequence

from benchmarks.callbacks import Callback
from benchmarks.measure import Case
from benchmarks.rivals.entry import Emitter, Rival, Way, called


def _slot(callbacks: Sequence[Callback]) -> Emitter:
    slot = importlib.import_module("events").Events().ticked

    for callback in callbacks:
        slot += callback

    def change(callback: Callback) -> None:
        nonlocal slot
        slot += callback
        slot -= callback

    return called(slot, 1, change=change)


def _named(table: Mapping[str, Callback]) -> Case:
    events = importlib.import_module("events").Events()

    for name, callback in table.items():
        slot = getattr(events, name)
        slot += callback

    names = tuple(table)

    def case(number: int) -> None:
        for name in itertools.islice(itertools.cycle(names), number):
            getattr(events, name)(1)

    return case


WRONG = """
import events
slot = events.Events().ticked
slot += takes_text  # wrong callback
slot(1)  # wrong payload
"""

EVENTS = Rival(
    library="Events",
    module="events",
    wrong=WRONG,
    ways=(Way(name="slot()", subscribed=_slot, subscribes="+= and -=", named=_named),),
)
