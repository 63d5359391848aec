"""eventkit: events with operators, for data that flows."""

# https://eventkit.readthedocs.io/en/latest/api.html: `keep_ref=True` holds the callback
# itself, which is cheaper to call than what a weak reference gives. `error_event` hears
# of failures, which are logged otherwise.

from __future__ import annotations

__all__ = ("EVENTKIT",)

import importlib
from collections.abc import Sequence

from benchmarks.callbacks import Callback
from benchmarks.rivals.entry import Emitter, Rival, Way, called


def _event(callbacks: Sequence[Callback]) -> Emitter:
    event = importlib.import_module("eventkit").Event("ticked")
    told: list[object] = []

    def on_error(_source: object, error: object) -> None:
        told.append(error)

    event.error_event.connect(on_error, keep_ref=True)

    for callback in callbacks:
        event.connect(callback, keep_ref=True)

    def change(callback: Callback) -> None:
        event.connect(callback, keep_ref=True)
        event.disconnect(callback)

    return called(event.emit, 1, change=change, told=told)


WRONG = """
import eventkit
event = eventkit.Event("ticked")
event.connect(takes_text)  # wrong callback
event.emit(1)  # wrong payload
"""

EVENTKIT = Rival(
    library="eventkit",
    module="eventkit",
    wrong=WRONG,
    ways=(Way(name="emit", subscribed=_event, subscribes="connect and disconnect"),),
    not_awaited="has none: async callbacks become tasks that nobody waits for",
)
