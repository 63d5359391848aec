"""Keys of a bus: classes, names and patterns, and the plans made for them."""

from __future__ import annotations

__all__ = ()

import gc
from typing import Any

import pytest

from upcall import Bus, MalformedKeyError, event
from upcall._events import routes
from upcall._events.inside import hub_of


class Base:
    """A class of its own, and no event by name."""


@event("test.order.paid")
class OrderPaid(Base):
    """What most tests emit."""

    order_id: int


class Late(OrderPaid):
    """A subclass that was not decorated."""


def test_event_reaches_class_bases_name_and_patterns_in_one_order() -> None:
    """Whatever the key, time of subscription decides."""
    heard: list[str] = []
    bus = Bus()
    for key in ("test.*.paid", Base, "test.order.paid", OrderPaid, "**", "test.**"):
        name = key if isinstance(key, str) else key.__name__
        bus.on(key, lambda _, name=name: heard.append(name))

    assert bus.emit(OrderPaid(1)) == 6
    assert heard == [
        "test.*.paid",
        "Base",
        "test.order.paid",
        "OrderPaid",
        "**",
        "test.**",
    ]


def test_subclass_has_the_name_of_the_nearest_decorated_class() -> None:
    """An undecorated subclass goes by its parent's name."""
    bus = Bus()
    bus.on("test.order.paid", lambda _: None)
    bus.on(OrderPaid, lambda _: None)
    bus.on(Late, lambda _: None)

    assert bus.emit(Late(1)) == 3
    assert bus.emit(OrderPaid(1)) == 2


def test_nameless_event_is_heard_by_class_and_by_everything() -> None:
    """Two stars are any number of segments, none included."""
    bus = Bus()
    bus.on("*", lambda _: None)
    bus.on("**", lambda _: None)
    bus.on(Base, lambda _: None)

    assert bus.emit(Base()) == 2


def test_name_with_payload() -> None:
    """No payload is None."""
    heard: list[object] = []
    bus = Bus()
    bus.on("order.*", heard.append)

    assert bus.emit("order.paid", 5) == 1
    assert bus.emit("order.paid") == 1
    assert heard == [5, None]


def test_pattern_that_matches_in_two_ways_is_called_once() -> None:
    """One subscription, one call; two subscriptions, two."""
    bus = Bus()
    bus.on("**.a.**", lambda _: None)
    assert bus.emit("a.a.a", 1) == 1

    bus.on("a.**", lambda _: None)
    assert bus.emit("a.a.a", 1) == 2


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (("order.*", 1), "is a pattern"),
        (("a..b", 1), "empty segment"),
        ((OrderPaid,), "is a class"),
        ((3,), "is neither a name nor an event"),
        (({},), "is neither a name nor an event"),
        ((3, 4), "is neither a name nor an event"),
        (([], 4), "is neither a name nor an event"),
        ((OrderPaid, 4), "is a class"),
        ((OrderPaid, OrderPaid(1)), "is a class"),
        ((OrderPaid(1), 4), "an event is its own payload"),
        ((OrderPaid(1), None), "an event is its own payload"),
    ],
)
def test_emitting_what_is_no_event_is_refused(
    args: tuple[Any, ...], match: str
) -> None:
    """At the call, with what was given."""
    with pytest.raises(MalformedKeyError, match=match):
        Bus().emit(*args)


@pytest.mark.parametrize("key", [int, dict, 3, None, list[int], "ord*"])
def test_subscribing_to_what_is_no_key_is_refused(key: Any) -> None:
    """Before the decorator sees a function, too."""
    with pytest.raises(MalformedKeyError):
        Bus().on(key, print)
    with pytest.raises(MalformedKeyError):
        Bus().on(key)


def test_subscribing_and_ending_changes_the_plans_that_it_must() -> None:
    """Exact names, patterns, classes and bases; before and after an emission."""
    bus = Bus()

    for key in ("test.order.paid", "test.*.*", "**", OrderPaid, Base):
        assert bus.emit(OrderPaid(1)) == 0
        subscription = bus.on(key, lambda _: None)
        assert bus.emit(OrderPaid(1)) == 1
        subscription.cancel()

    assert bus.emit(OrderPaid(1)) == 0


def test_off_looks_at_its_own_key_only() -> None:
    """The same callback elsewhere stays."""
    bus = Bus()
    bus.on("a.b", print)
    bus.on("a.*", print)

    assert bus.off("a.*", print)
    assert not bus.off("a.*", print)
    assert [each.key for each in bus.subscriptions()] == ["a.b"]
    assert bus.subscriptions("a.*") == []


def test_plans_for_changing_names_are_bounded() -> None:
    """Names nobody is subscribed to by themselves do not pile up."""
    bus = Bus()
    heard: list[object] = []
    bus.on("user.*", heard.append)

    for i in range(5000):
        bus.emit(f"user.{i}", i)

    assert heard == list(range(5000))
    assert len(bus._name_runs) < 2000


def test_signal_of_a_bus_is_heard_by_all_of_the_bus() -> None:
    """It is the bus's event, under its own handle."""
    bus = Bus()
    heard: list[object] = []
    signal = bus.signal("order.paid")
    bus.on("order.*", heard.append)
    signal.on(heard.append)

    assert bus.signal("order.paid") is signal
    assert signal.emit(1) == 2
    assert bus.emit("order.paid", 2) == 2
    bus.on("**", heard.append)
    assert signal.emit(3) == 3


def test_signal_of_a_class_goes_by_the_class_of_the_payload() -> None:
    """A subclass reaches the subclass's subscribers."""
    bus = Bus()
    signal = bus.signal(OrderPaid)
    bus.on(Late, lambda _: None)
    signal.on(lambda _: None)

    assert signal.emit(OrderPaid(1)) == 1
    assert signal.emit(Late(1)) == 2
    with pytest.raises(MalformedKeyError, match="OrderPaid"):
        signal.emit(Base())  # type: ignore[arg-type]


def test_a_hundred_thousand_subscriptions() -> None:
    """Over ten thousand names, each emitted."""
    bus = Bus()
    count = 0

    def hear(_: object) -> None:
        nonlocal count
        count += 1

    for i in range(10_000):
        for _ in range(10):
            bus.on(f"n{i}", hear)
    for i in range(10_000):
        bus.emit(f"n{i}")

    assert count == 100_000
    gc.collect()


@pytest.mark.parametrize("key", ["", "a.*", "a..b", [], 3, int, list[int]])
def test_signal_of_what_is_no_key_is_refused(key: Any) -> None:
    """A pattern too: one can subscribe to it, but not emit."""
    with pytest.raises(MalformedKeyError):
        Bus().signal(key)


def test_class_and_pattern_that_match_one_event_are_two_calls() -> None:
    """Of the same callback even: it is two subscriptions."""
    bus = Bus()
    heard: list[object] = []
    bus.on(OrderPaid, heard.append)
    bus.on("test.**", heard.append)
    event = OrderPaid(1)

    assert bus.emit(event) == 2
    assert heard == [event, event]


def test_event_by_name_is_not_the_event_by_class() -> None:
    """A name alone carries no class."""
    bus = Bus()
    bus.on(OrderPaid, lambda _: None)
    bus.on("test.order.paid", lambda _: None)

    assert bus.emit("test.order.paid", OrderPaid(1)) == 1


def test_reserved_names_are_heard_by_those_who_say_so() -> None:
    """No wildcard stands for their first segment."""
    bus = Bus()
    heard: list[str] = []

    for key in ("**", "*.*", "webhook.*", "webhook.sent"):
        bus.on(key, lambda _, key=key: heard.append(key))

    bus.emit("webhook.sent")

    assert heard == ["webhook.*", "webhook.sent"]


def test_same_name_is_planned_once_however_often_it_is_emitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unrelated patterns are looked at once, and cost nothing after that."""
    bus = Bus()
    asked: list[str] = []

    def matches(pattern: str, _: str) -> bool:
        asked.append(pattern)
        return False

    monkeypatch.setattr(routes, "matches", matches)

    for i in range(10):
        bus.on(f"*.b{i}", print)
        bus.on(f"x{i}.**", print)

    for _ in range(100):
        bus.emit("a.b")

    assert len(asked) == 10


def test_emission_changes_nothing_for_those_who_subscribe_to_other_names() -> None:
    """Their plans stay as they are."""
    bus = Bus()
    bus.on("a", lambda _: None)
    bus.emit("a")
    run = hub_of(bus).run_of("a")

    with bus.on("b", print):
        assert hub_of(bus).run_of("a") is run

    with bus.on("*", print):
        assert hub_of(bus).run_of("a") is not run
