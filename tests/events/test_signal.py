"""`Signal`: subscribe and emit, in what order, and who is called."""

from __future__ import annotations

__all__ = ()

from typing import Any

import pytest

from upcall import (
    MalformedKeyError,
    Signal,
    Subscription,
)


def test_emit_to_nobody_counts_nobody() -> None:
    """A signal without subscribers is nothing special."""
    assert Signal[int]("tick").emit(1) == 0


def test_emit_calls_all_in_the_order_of_subscription() -> None:
    """The count says how many heard it."""
    heard: list[tuple[str, int]] = []
    signal = Signal[int]("tick")
    signal.on(lambda x: heard.append(("a", x)))
    signal.on(lambda x: heard.append(("b", x)))

    assert signal.emit(7) == 2
    assert heard == [("a", 7), ("b", 7)]


def test_priority_comes_before_time_of_subscription() -> None:
    """Higher first; equal ones stay in order."""
    heard: list[str] = []
    signal = Signal[int]("tick")
    for name, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1)):

        def hear(_: int, name: str = name) -> None:
            heard.append(name)

        signal.on(hear, priority=priority)

    signal.emit(1)

    assert heard == ["b", "c", "a", "d"]


def test_same_callback_twice_is_called_twice() -> None:
    """Subscribing again is another subscription."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(heard.append)
    signal.on(heard.append)

    assert signal.emit(1) == 2
    assert heard == [1, 1]


def test_off_ends_the_newest_subscription_of_the_callback() -> None:
    """One call, one subscription; False when there is none left."""
    order: list[str] = []

    def f(x: int) -> None:
        order.append("f")

    signal = Signal[int]("tick")
    signal.on(f)
    signal.on(lambda _: order.append("g"))
    signal.on(f)

    assert signal.off(f)
    signal.emit(1)
    assert order == ["f", "g"]
    assert signal.off(f)
    assert not signal.off(f)


def test_order_holds_when_the_newer_of_two_ends() -> None:
    """The older subscription keeps its place."""
    order: list[str] = []

    def f(x: int) -> None:
        order.append("f")

    signal = Signal[int]("tick")
    signal.on(f)
    signal.on(lambda _: order.append("g"))
    newer = signal.on(f)
    signal.on(lambda _: order.append("h"))

    newer.cancel()
    signal.emit(1)

    assert order == ["f", "g", "h"]


def test_on_with_options_is_a_decorator_that_returns_the_function() -> None:
    """The decorated name stays the function."""
    signal = Signal[int]("tick")

    @signal.on(priority=1)
    def f(x: int) -> int:
        return x + 1

    assert f(1) == 2
    assert signal.emit(1) == 1


def test_bare_decorator_leaves_a_callable_subscription() -> None:
    """``@signal.on`` without parentheses is the plain call."""
    signal = Signal[int]("tick")

    @signal.on
    def f(x: int) -> int:
        return x + 1

    assert isinstance(f, Subscription)
    assert f(1) == 2


def test_emission_calls_those_subscribed_when_it_began() -> None:
    """Who subscribes or cancels in a callback changes the next emission."""
    heard: list[str] = []
    signal = Signal[int]("tick")

    def first(x: int) -> None:
        heard.append("first")
        second.cancel()
        signal.on(lambda _: heard.append("third"))
        own.cancel()

    own = signal.on(first)
    second = signal.on(lambda _: heard.append("second"))

    signal.emit(1)
    assert heard == ["first", "second"]

    heard.clear()
    signal.emit(1)
    assert heard == ["third"]


def test_kept_emit_stays_right() -> None:
    """`emit` may be bound once."""
    signal = Signal[int]("tick")
    emit = signal.emit
    heard: list[int] = []

    assert emit(1) == 0
    signal.on(heard.append)
    assert emit(2) == 1
    assert heard == [2]


@pytest.mark.parametrize("count", [0, 1, 2, 10, 99, 100, 101, 150])
def test_any_number_of_callbacks(count: int) -> None:
    """Beyond what is unrolled too, and before and after it is."""
    signal = Signal[int]("tick")
    heard: list[int] = []
    for i in range(count):

        def hear(_: int, i: int = i) -> None:
            heard.append(i)

        signal.on(hear)

    for _ in range(20):
        heard.clear()
        signal.on(print, when=lambda _: False).cancel()
        assert signal.emit(1) == count
        assert heard == list(range(count))


def test_signal_of_none_emits_without_payload() -> None:
    """``Signal[None]`` sends None."""
    heard: list[None] = []
    signal = Signal[None]("tick")
    signal.on(heard.append)

    signal.emit()

    assert heard == [None]


@pytest.mark.parametrize("name", ["", "a..b", "order.*", 3])
def test_signal_needs_a_name(name: Any) -> None:
    """A pattern is no name."""
    with pytest.raises(MalformedKeyError):
        Signal(name).on(lambda _: None)


class Callee:
    """Callable, and not hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.heard: list[int] = []

    def __eq__(self, other: object) -> bool:
        return True

    def __call__(self, x: int) -> None:
        self.heard.append(x)


def test_unhashable_callbacks_are_told_apart() -> None:
    """They are found by identity, whatever they say of equality."""
    one, other = Callee(), Callee()
    signal = Signal[int]("tick")
    signal.on(one)
    signal.on(other)

    assert signal.off(one)
    signal.emit(1)

    assert (one.heard, other.heard) == ([], [1])
