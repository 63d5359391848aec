"""`Signal`: subscribe, emit, order, once, errors."""

from __future__ import annotations

__all__ = ()

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from upcall import (
    BusNotOpenError,
    CallbackErrors,
    MalformedKeyError,
    OptionError,
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

    subscription = Signal[int]("tick").on(listener)

    assert subscription.key == "tick"
    assert subscription.callback is listener
    assert "test_signal.py:" in subscription.place
    assert "listener" in repr(subscription)
    assert "active" in repr(subscription)


def test_when_filters_by_payload() -> None:
    """What the predicate refuses is not counted."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(heard.append, when=lambda x: x > 1)

    assert [signal.emit(1), signal.emit(2)] == [0, 1]
    assert heard == [2]


def test_once_waits_for_what_when_lets_through() -> None:
    """A refused emission does not use it up."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.once(heard.append, when=lambda x: x > 1)

    for x in (1, 2, 3):
        signal.emit(x)

    assert heard == [2]


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


def test_failures_come_as_one_group_after_all_have_run() -> None:
    """One failing callback neither stops the others nor goes unseen."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    def broken(x: int) -> None:
        raise ValueError(x)

    signal.on(broken)
    signal.on(heard.append)
    signal.on(broken)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    assert heard == [1]
    assert [str(error) for error in caught.value.exceptions] == ["1", "1"]
    (note,) = caught.value.exceptions[0].__notes__
    assert "broken" in note
    assert "test_signal.py:" in note
    assert "tick" in note


def test_one_failure_is_a_group_too() -> None:
    """So ``except*`` always works."""
    signal = Signal[int]("tick")
    signal.on(lambda _: 1 / 0)
    caught = []

    try:
        signal.emit(1)
    except* ZeroDivisionError as group:
        caught.append(group)

    assert len(caught) == 1
    assert isinstance(caught[0], CallbackErrors)


def test_note_is_added_once_to_an_error_raised_again() -> None:
    """An exception object that is raised a thousand times is not written full."""
    error = ValueError("again")
    signal = Signal[int]("tick")

    def raises(x: int) -> None:
        raise error

    signal.on(raises)

    for _ in range(20):
        with pytest.raises(CallbackErrors):
            signal.emit(1)

    assert len(error.__notes__) == 1


def test_group_raised_by_a_callback_is_one_failure() -> None:
    """It is kept whole inside ours."""
    signal = Signal[int]("tick")

    def raises(x: int) -> None:
        raise ExceptionGroup("theirs", [KeyError(1), ValueError(2)])

    signal.on(raises)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    (inner,) = caught.value.exceptions
    assert isinstance(inner, ExceptionGroup)
    assert len(inner.exceptions) == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_failure_ends_the_emission_bare(kind: type[BaseException]) -> None:
    """A Ctrl-C is nobody's failure, and no later callback runs."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    def stop(x: int) -> None:
        raise kind

    signal.on(stop)
    signal.on(heard.append)

    with pytest.raises(kind):
        signal.emit(1)

    assert heard == []


def test_emission_that_feeds_itself_ends_in_a_shallow_group() -> None:
    """The RecursionError comes out, not in a thousand nested groups."""
    signal = Signal[int]("tick")
    signal.on(lambda x: signal.emit(x) and None)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    depth, error = 0, caught.value.exceptions[0]
    while isinstance(error, CallbackErrors):
        depth, error = depth + 1, error.exceptions[0]

    assert isinstance(error, RecursionError)
    assert depth < 20


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


def test_async_callback_without_a_bus_refuses_emit_before_any_call() -> None:
    """The error names the callback and its place."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(heard.append)

    @signal.on
    async def listener(x: int) -> None: ...

    with pytest.raises(BusNotOpenError, match=r"listener \(.*test_signal.py:\d+\)"):
        signal.emit(1)

    assert heard == []


def test_sync_callback_that_returns_an_awaitable_fails_without_a_bus() -> None:
    """The coroutine is closed, not dropped."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    async def work(x: int) -> None: ...

    signal.on(lambda x: work(x))
    signal.on(heard.append)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    assert isinstance(caught.value.exceptions[0], BusNotOpenError)
    assert heard == [1]


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


@pytest.mark.parametrize(
    "callback",
    [len, partial(max, "a"), Callee(), str.upper, "{}".format, bool, repr],
)
def test_callables_of_every_kind(callback: Callable[[Any], object]) -> None:
    """Builtins, partials, classes, objects and methods."""
    signal = Signal[Any]("tick")
    signal.on(callback)

    assert signal.emit("1") == 1


@pytest.mark.parametrize(
    "callback", [lambda: None, lambda a, b: None, lambda a, *, b: None, Listener.hear]
)
def test_callback_that_cannot_take_the_payload_is_refused(
    callback: Callable[..., object],
) -> None:
    """At `on`, not at the first emission."""
    with pytest.raises(OptionError, match="one argument"):
        Signal[int]("tick").on(callback)


@pytest.mark.parametrize("callback", [3, "x", object()])
def test_what_is_no_callable_is_refused(callback: Any) -> None:
    """A TypeError of ours."""
    with pytest.raises(OptionError) as caught:
        Signal[int]("tick").on(callback)

    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1.5},
        {"priority": True},
        {"when": 3},
        {"weak": True},
        {"overlap": "sometimes"},
        {"overlap": "queue"},
        {"concurrency": 2},
        {"concurrency": 0, "thread": True},
        {"timeout": 1.0},
        {"timeout": -1, "thread": True},
        {"timeout": "1", "thread": True},
        {"debounce": 0},
        {"debounce": 1, "throttle": 1},
        {"kind": "fast"},
        {"nonsense": 1},
    ],
)
def test_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    """For a sync callback, at `on`, by name."""
    with pytest.raises(OptionError, match=next(iter(options))):
        Signal[int]("tick").on(lambda _: None, **options)


async def test_option_that_contradicts_an_async_callback_is_refused() -> None:
    """A thread is for blocking callbacks; sync is what it is not."""

    async def listener(x: int) -> None: ...

    for options in ({"thread": True}, {"kind": "sync"}):
        with pytest.raises(OptionError):
            Signal[int]("tick").on(listener, **options)


@pytest.mark.parametrize("name", ["", "a..b", "order.*", 3])
def test_signal_needs_a_name(name: Any) -> None:
    """A pattern is no name."""
    with pytest.raises(MalformedKeyError):
        Signal(name).on(lambda _: None)


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
