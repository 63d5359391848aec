"""bubus: an event bus with pydantic events, queues and history."""

# https://github.com/browser-use/bubus (README): a handler is subscribed by the class of
# the event, and `await bus.dispatch(event)` waits for all handlers. The event is made
# for each emission: one that was dispatched is complete, and cannot be used again. The
# history is kept as short as it can be (`max_history_size=1`), for a dispatch looks
# through it. `stop(clear=True)` is its way to leave nothing behind.

from __future__ import annotations

__all__ = ("BUBUS",)

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from benchmarks.callbacks import AsyncCallback
from benchmarks.rivals.entry import AsyncEmitter, AwaitedWay, Rival, awaited


def _serial(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return _awaited(callbacks, parallel=False)


def _parallel(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return _awaited(callbacks, parallel=True)


def _awaited(callbacks: Sequence[AsyncCallback], *, parallel: bool) -> AsyncEmitter:
    make = importlib.import_module("bubus").EventBus
    bus = make(max_history_size=1, parallel_handlers=parallel)
    event = _event()

    for callback in callbacks:
        bus.on(event, callback)

    async def once() -> list[object]:
        done = await bus.dispatch(event(number=1))
        return [each.error or each.result for each in done.event_results.values()]

    return awaited(once, close=functools.partial(bus.stop, clear=True))


@functools.cache
def _event() -> Any:
    base = importlib.import_module("bubus").BaseEvent
    body = {"__annotations__": {"number": int}, "__module__": __name__}
    return type(base)("Ticked", (base,), body)


WRONG = """
import bubus
class Ticked(bubus.BaseEvent):
    number: int
bus = bubus.EventBus()
bus.on(Ticked, takes_text)  # wrong callback
Ticked(number="text")  # wrong payload
"""

BUBUS = Rival(
    library="bubus",
    module="bubus",
    wrong=WRONG,
    awaited=(
        AwaitedWay(name="await dispatch", subscribed=_serial),
        AwaitedWay(name="await dispatch, parallel_handlers", subscribed=_parallel),
    ),
)
