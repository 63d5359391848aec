"""Signals declared on a class: one per instance."""

from __future__ import annotations

__all__ = ()

import copy
import gc
import pickle
import weakref

import pytest

from upcall import (
    OptionError,
    Signal,
)


class Player:
    """Declares a signal."""

    moved = Signal[int]("player.moved")
    stopped = Signal[None]()


class Slotted:
    """Has slots instead of a dict."""

    __slots__ = ("__weakref__",)
    moved = Signal[int]("player.moved")


def test_declared_signal_is_one_per_instance() -> None:
    """Each player has its own, always the same."""
    one, other = Player(), Player()
    heard: list[int] = []
    one.moved.on(heard.append)

    assert one.moved is one.moved
    assert other.moved.emit(1) == 0
    assert one.moved.emit(2) == 1
    assert heard == [2]
    assert one.stopped.name == "stopped"


def test_declaration_itself_is_not_to_be_used() -> None:
    """It says what to use instead."""
    with pytest.raises(OptionError, match="each instance"):
        Player.moved.on(lambda _: None)
    with pytest.raises(OptionError, match="each instance"):
        Player.moved.emit(1)


def test_declared_signal_does_not_keep_its_instance_alive() -> None:
    """No cycle leads from the signal to the player."""
    player = Player()
    player.moved.on(lambda _: None)
    player.moved.emit(1)
    gone = weakref.ref(player)

    gc.disable()
    try:
        del player
        assert gone() is None
    finally:
        gc.enable()


def test_declared_signal_in_slots() -> None:
    """Kept elsewhere, and gone with the instance."""
    thing = Slotted()
    heard: list[int] = []
    thing.moved.on(heard.append)

    assert thing.moved.emit(1) == 1
    assert Slotted().moved.emit(1) == 0


def test_declared_signal_is_not_pickled_nor_deep_copied() -> None:
    """The copy has a signal of its own, without subscribers."""
    player = Player()
    player.moved.on(lambda _: None)

    for twin in (copy.deepcopy(player), pickle.loads(pickle.dumps(player))):
        assert twin.moved.emit(1) == 0

    assert player.moved.emit(1) == 1
