"""Subscriptions: once, when, pause, weak, and what they tell of themselves."""

from __future__ import annotations

__all__ = ()

import gc
import threading
from pathlib import Path

import pytest

from upcall import (
    Signal,
)


def test_once_is_called_once() -> None:
    """The second emission finds nobody."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.once(heard.append)

    assert [signal.emit(1), signal.emit(2)] == [1, 0]
    assert heard == [1]


def test_once_goes_to_the_inner_emission() -> None:
    """An emission inside another gets the call; the outer one skips it then."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(lambda x: signal.emit(x + 1) if x == 1 else None)
    signal.once(heard.append)

    assert signal.emit(1) == 1
    assert heard == [2]


def test_once_from_two_threads_is_called_once() -> None:
    """Whoever is first gets it."""
    for _ in range(50):
        heard: list[int] = []
        signal = Signal[int]("tick")
        signal.once(heard.append)
        gate = threading.Barrier(2)

        def run(signal: Signal[int] = signal, gate: threading.Barrier = gate) -> None:
            gate.wait()
            signal.emit(1)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert heard == [1]


def test_once_waits_for_what_when_lets_through() -> None:
    """A refused emission does not use it up."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.once(heard.append, when=lambda x: x > 1)

    for x in (1, 2, 3):
        signal.emit(x)

    assert heard == [2]


def test_when_filters_by_payload() -> None:
    """What the predicate refuses is not counted."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(heard.append, when=lambda x: x > 1)

    assert [signal.emit(1), signal.emit(2)] == [0, 1]
    assert heard == [2]


def test_pause_drops_and_resume_hears_again() -> None:
    """What comes while it is paused is gone."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    subscription = signal.on(heard.append)

    subscription.pause()
    assert signal.emit(1) == 0
    assert not subscription.active
    subscription.resume()
    assert signal.emit(2) == 1
    assert heard == [2]


def test_subscription_is_a_context_manager() -> None:
    """Leaving it cancels; cancelling again does nothing."""
    signal = Signal[int]("tick")

    with signal.on(lambda _: None) as subscription:
        assert signal.emit(1) == 1

    assert signal.emit(1) == 0
    assert not subscription.cancel()


def test_subscription_shows_key_callback_and_place() -> None:
    """A print of it says what one looks for."""

    def listener(x: int) -> None: ...

    signal = Signal[int]("tick")
    subscription = signal.on(listener)

    assert subscription.key == "tick"
    assert subscription.callback is listener
    assert Path(__file__).name + ":" in subscription.place
    assert "listener" in repr(subscription)
    assert "active" in repr(subscription)


class Listener:
    """Has a method to subscribe."""

    def __init__(self, heard: list[int]) -> None:
        self.heard = heard

    def hear(self, x: int) -> None:
        self.heard.append(x)


def test_weak_method_ends_with_its_object() -> None:
    """A weak subscription keeps nobody alive, and leaves when the object does."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    listener = Listener(heard)
    subscription = signal.on(listener.hear, weak=True)

    assert signal.emit(1) == 1
    del listener
    gc.collect()

    assert signal.emit(2) == 0
    assert subscription.callback is None
    assert signal.subscriptions() == []
    with pytest.raises(ReferenceError):
        subscription(1)


def test_weak_method_whose_object_dies_during_the_emission_is_skipped() -> None:
    """It is looked at when its turn comes."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    listeners = [Listener(heard)]
    signal.on(lambda _: listeners.clear())
    signal.on(listeners[0].hear, weak=True)

    signal.emit(1)

    assert heard == []


def test_weak_method_can_be_taken_off() -> None:
    """`off` finds it by an equal method."""
    listener = Listener([])
    signal = Signal[int]("tick")
    signal.on(listener.hear, weak=True)

    assert signal.off(listener.hear)
    assert signal.emit(1) == 0
