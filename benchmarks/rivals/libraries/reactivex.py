"""reactivex: RxPY, streams with operators."""

# https://rxpy.readthedocs.io/en/latest/: a `Subject` is what is both emitted to and
# subscribed to; without a scheduler it calls its observers at once.

from __future__ import annotations

__all__ = ("REACTIVEX",)

import importlib
from collections.abc import Sequence

from benchmarks.callbacks import Callback
from benchmarks.rivals.entry import Emitter, Rival, Way, called


def _subject(callbacks: Sequence[Callback]) -> Emitter:
    subject = importlib.import_module("reactivex.subject").Subject()

    for callback in callbacks:
        subject.subscribe(callback)

    def change(callback: Callback) -> None:
        subject.subscribe(callback).dispose()

    return called(subject.on_next, 1, change=change)


WRONG = """
from reactivex.subject import Subject
subject = Subject[int]()
subject.subscribe(takes_text)  # wrong callback
subject.on_next("text")  # wrong payload
"""

REACTIVEX = Rival(
    library="reactivex",
    module="reactivex.subject",
    wrong=WRONG,
    ways=(
        Way(
            name="Subject.on_next",
            subscribed=_subject,
            subscribes="subscribe and dispose",
        ),
    ),
    not_awaited="has none: observers are called, not awaited",
)
