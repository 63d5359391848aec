"""What a bus tells of itself."""

from __future__ import annotations

__all__ = ()


import pytest

from upcall import (
    Bus,
    CallbackErrors,
)


def failing(_: object) -> None:
    """A callback that fails."""
    raise ValueError("failing")


def test_statistics_count() -> None:
    """On the fast path too, and across changes of subscriptions."""
    bus = Bus()
    bus.on("a", lambda _: None)
    for _ in range(3):
        bus.emit("a")
    bus.on("a", lambda _: None, when=lambda x: x)
    bus.emit("a", False)
    bus.emit("a", True)
    with pytest.raises(CallbackErrors):
        bus.on("b", failing)
        bus.emit("b")

    found = bus.statistics()

    assert (found.emissions, found.calls, found.failures) == (6, 7, 1)
    assert (found.running, found.waiting, found.subscriptions) == (0, 0, 3)
