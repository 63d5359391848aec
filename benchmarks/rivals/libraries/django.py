"""Django's signals."""

# https://docs.djangoproject.com/en/5.2/topics/signals/: receivers take keywords, so the
# callbacks do too, here and nowhere else; what that costs is in the figures.
# `use_caching=True` is how Django makes the signals of its own models.

from __future__ import annotations

__all__ = ("DJANGO",)

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.callbacks import AsyncCallback, Callback
from benchmarks.measure import calls
from benchmarks.rivals.entry import (
    AsyncEmitter,
    AwaitedWay,
    Emitter,
    Rival,
    Way,
    awaited,
)


class Sender:
    """Who sends: caching wants a sender that can be referenced weakly."""


def _send(callbacks: Sequence[Callback]) -> Emitter:
    signal = _signal(callbacks)
    return _emitter(signal, signal.send)


def _send_robust(callbacks: Sequence[Callback]) -> Emitter:
    signal = _signal(callbacks)
    return _emitter(signal, signal.send_robust)


def _emitter(signal: Any, send: Callable[..., object]) -> Emitter:
    def change(callback: Callback) -> None:
        signal.connect(callback, weak=False)
        signal.disconnect(callback)

    once = functools.partial(send, Sender, x=1)
    return Emitter(once=once, case=calls(once), change=change)


def _asend(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return awaited(functools.partial(_signal(callbacks).asend, Sender, x=1))


def _asend_robust(callbacks: Sequence[AsyncCallback]) -> AsyncEmitter:
    return awaited(functools.partial(_signal(callbacks).asend_robust, Sender, x=1))


def _signal(callbacks: Sequence[Any]) -> Any:
    settings = importlib.import_module("django.conf").settings

    if not settings.configured:
        settings.configure()

    signal = importlib.import_module("django.dispatch").Signal(use_caching=True)

    for callback in callbacks:
        signal.connect(callback, weak=False)

    return signal


WRONG = """
import django.dispatch
signal = django.dispatch.Signal()
signal.connect(takes_text)  # wrong callback
signal.send(None, x=1)  # wrong payload
"""

DJANGO = Rival(
    library="Django",
    module="django.dispatch",
    wrong=WRONG,
    ways=(
        Way(
            name="send",
            subscribed=_send,
            subscribes="connect and disconnect",
            keywords=True,
        ),
        Way(name="send_robust", subscribed=_send_robust, keywords=True),
    ),
    awaited=(
        AwaitedWay(name="asend", subscribed=_asend, keywords=True),
        AwaitedWay(name="asend_robust", subscribed=_asend_robust, keywords=True),
    ),
)
