"""aiosignal: a list of async callbacks, that of aiohttp."""

# https://aiosignal.readthedocs.io/en/stable/: callbacks are appended, then the signal
# is frozen; from then on it can be sent, and no longer changed.

from __future__ import annotations

__all__ = ("AIOSIGNAL",)

import importlib
from collections.abc import Sequence

from benchmarks.callbacks import AsyncCallback
from benchmarks.rivals.entry import AsyncEmitter, AwaitedWay, Rival, awaited


def _awaited(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    signal = importlib.import_module("aiosignal").Signal(owner=None)
    signal.extend(callbacks)
    signal.freeze()
    return awaited(signal.send, 1)


WRONG = """
import aiosignal
signal = aiosignal.Signal[int](None)
signal.append(atakes_text)  # wrong callback
async def send() -> None:
    await signal.send("text")  # wrong payload
"""

AIOSIGNAL = Rival(
    library="aiosignal",
    module="aiosignal",
    wrong=WRONG,
    awaited=(AwaitedWay(name="send", subscribed=_awaited),),
)
