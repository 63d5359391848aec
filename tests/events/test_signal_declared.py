"""Signals declared on a class: one per instance."""

from __future__ import annotations

__all__ = ()

import copy
import gc
import pickle
import weakref

import pytest

from upcall import Bus, OptionError, Signal, event


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


def test_signal_of_a_bus_is_no_declaration_wherever_it_stands() -> None:
    """As an attribute of a class it is still the one of the bus."""
    bus = Bus()
    heard: list[int] = []

    class Shop:
        """Has the bus's signal at hand."""

        paid = bus.signal("shop.paid")
        named = Signal[int]("shop.named", bus=bus)

    bus.on("shop.*", heard.append)
    Shop.paid.on(heard.append)

    assert Shop().paid is Shop.paid is bus.signal("shop.paid")
    assert Shop().paid.emit(1) == 2
    assert Shop().named.emit(2) == 1
    assert heard == [1, 1, 2]


def test_declared_signal_keeps_what_was_declared() -> None:
    """Its name, its order, and how much it retains."""

    class Source:
        """Declares a signal with options."""

        read = Signal[int](retain=2)

    source = Source()
    heard: list[int] = []

    for i in range(4):
        source.read.emit(i)

    source.read.on(heard.append)

    assert heard == [2, 3]
    assert Source().read.name == "read"


def test_declared_signal_is_inherited() -> None:
    """One per instance of the subclass."""

    class Striker(Player):
        """Runs more."""

    one, other = Striker(), Striker()
    one.moved.on(lambda _: None)

    assert (one.moved.emit(1), other.moved.emit(1)) == (1, 0)


@event("test.declared.record")
class Record:
    """An event class, frozen and with slots, may declare one too."""

    number: int
    changed = Signal[int]("record.changed")


def test_declared_signal_on_a_frozen_class_with_slots() -> None:
    """Equal instances do not share it, for it goes by identity."""
    one, other = Record(1), Record(1)
    one.changed.on(lambda _: None)

    assert (one.changed.emit(1), other.changed.emit(1)) == (1, 0)


def test_declared_signal_needs_a_place() -> None:
    """The error says what to add."""

    class Bare:
        """Has neither a dict nor room for weak references."""

        __slots__ = ()
        moved = Signal[int]("bare.moved")

    with pytest.raises(OptionError, match="__weakref__"):
        _ = Bare().moved


def test_signals_show_themselves() -> None:
    """Even those that cannot be used yet."""
    player = Player()
    player.moved.on(lambda _: None)

    assert repr(player.moved) == "<Signal 'player.moved', 1 subscriptions>"
    assert "stopped" in repr(Player.stopped)
    assert repr(Signal[int]()) == "<Signal '', 0 subscriptions>"
