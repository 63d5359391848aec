"""Nothing of ours keeps what is no longer needed."""

from __future__ import annotations

__all__ = ()

import gc
import weakref
from collections.abc import Callable

from upcall import (
    Signal,
)


def test_callback_is_free_when_its_subscription_ends() -> None:
    """Nothing of ours keeps it, not even until the next collection."""

    def make() -> Callable[[int], None]:
        def listener(x: int) -> None: ...

        return listener

    listener = make()
    gone = weakref.ref(listener)
    signal = Signal[int]("tick")
    subscription = signal.on(listener)
    signal.emit(1)

    gc.disable()
    try:
        subscription.cancel()
        del listener, subscription
        assert gone() is None
    finally:
        gc.enable()
