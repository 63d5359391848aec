"""Absurd arguments: each ends in an error of ours that says what to give."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from typing import Any, Optional, Union

import anyio
import pytest

from upcall import (
    Bus,
    EventEmitter,
    MalformedKeyError,
    OptionError,
    PromiseTimeoutError,
    Signal,
    UpcallError,
    event,
    on,
    once,
)
from upcall.errors import WrongTypeError
from upcall.testing import ManualClock, record


class Paid:
    """A plain event."""


class Refunded:
    """Another one."""


def take(_: object) -> None:
    """Take a payload."""


async def take_later(_: object) -> None:
    """Take a payload, in time."""


Call = Callable[[Any, Any], object]

FLAGS = ("weak", "thread", "envelope", "once")
OPTIONS = ("priority", "when", "timeout", "overlap", "concurrency")
DELAYS = ("debounce", "throttle", "kind", "nothing")


def _option(name: str, function: Callable[[object], object]) -> Call:
    return lambda bus, x: bus.on("c", function, **{name: x})


CALLS: dict[str, Call] = {
    "Signal": lambda _, x: Signal(x),
    "Signal-bus": lambda _, x: Signal("a", bus=x),
    "Signal-sequential": lambda _, x: Signal("a", sequential=x),
    "Signal-retain": lambda _, x: Signal("a", retain=x),
    "signal-on": lambda _, x: Signal("a").on(x),
    "signal-once": lambda _, x: Signal("a").once(x),
    "signal-off": lambda _, x: Signal("a").off(x),
    "signal-next": lambda _, x: Signal("a").next(x),
    "signal-stream": lambda _, x: Signal("a").stream(x),
    "signal-stream-overflow": lambda _, x: Signal("a").stream(1, x),
    "signal-id": lambda _, x: Signal[int]("a").emit(1, id=x),
    "event": lambda _, x: event(x),
    "event-version": lambda _, x: event("test.absurd", version=x),
    "event-frozen": lambda _, x: event("test.absurd", frozen=x),
    "event-kw_only": lambda _, x: event("test.absurd", kw_only=x),
    "event-class": lambda _, x: event("test.absurd")(x),
    "Bus-on_error": lambda _, x: Bus(on_error=x),
    "Bus-grace": lambda _, x: Bus(grace=x),
    "Bus-trace": lambda _, x: Bus(trace=x),
    "Bus-retain": lambda _, x: Bus(retain=x),
    "on-key": lambda bus, x: bus.on(x, take),
    "on-callback": lambda bus, x: bus.on("a", x),
    "once-key": lambda bus, x: bus.once(x, take),
    "once-callback": lambda bus, x: bus.once("a", x),
    "off-key": lambda bus, x: bus.off(x, take),
    "off-callback": lambda bus, x: bus.off("a", x),
    "emit": lambda bus, x: bus.emit(x),
    "emit-name": lambda bus, x: bus.emit(x, 1),
    "emit-event": lambda bus, x: bus.emit(Paid(), x),
    "emit-class": lambda bus, x: bus.emit(Paid, x),
    "emit-id": lambda bus, x: bus.emit(Paid(), id=x),
    "emit_soon": lambda bus, x: bus.emit_soon(x, 1),
    "emit_threadsafe": lambda bus, x: bus.emit_threadsafe(x, 1),
    "run": lambda bus, x: bus.run(x),
    "signal": lambda bus, x: bus.signal(x),
    "signal-sequential": lambda bus, x: bus.signal("b", sequential=x),
    "signal-retain": lambda bus, x: bus.signal("b", retain=x),
    "next": lambda bus, x: bus.next(x).cancel(),
    "next-when": lambda bus, x: bus.next("a", when=x).cancel(),
    "wait_for": lambda bus, x: bus.wait_for(x),
    "wait_for-when": lambda bus, x: bus.wait_for("a", when=x),
    "wait_for-timeout": lambda bus, x: bus.wait_for("a", timeout=x),
    "stream": lambda bus, x: bus.stream(x),
    "stream-capacity": lambda bus, x: bus.stream("a", capacity=x),
    "stream-overflow": lambda bus, x: bus.stream("a", overflow=x),
    "intercept": lambda bus, x: bus.intercept(x, take),
    "intercept-function": lambda bus, x: bus.intercept("a", x),
    "forward": lambda bus, x: bus.forward(x),
    "forward-key": lambda bus, x: bus.forward(Bus(), x),
    "subscriptions": lambda bus, x: bus.subscriptions(x),
    "emitter-bus": lambda _, x: EventEmitter(bus=x),
    "emitter-capture": lambda _, x: EventEmitter(capture_rejections=x),
    "emitter-on": lambda _, x: EventEmitter().on("a", x),
    "emitter-off": lambda _, x: EventEmitter().off("a", x),
    "emitter-limit": lambda _, x: EventEmitter().set_max_listeners(x),
    "once": lambda _, x: once(x, "a"),
    "on": lambda _, x: on(x, "a"),
    "on-close": lambda _, x: on(EventEmitter(), "a", close=x),
    "record": lambda _, x: record(x).__enter__(),
    "record-key": lambda bus, x: record(bus, x).__enter__(),
    "ManualClock": lambda _, x: ManualClock(x),
    "advance": lambda _, x: ManualClock().advance(x),
    **{
        f"{name}-{function.__name__}": _option(name, function)
        for name in (*FLAGS, *OPTIONS, *DELAYS)
        for function in (take, take_later)
    },
}

FINE = {
    "None": """Signal-bus signal-next signal-id Bus-grace next-when wait_for-when
        wait_for-timeout subscriptions emitter-bus emitter-capture when-take
        when-take_later timeout-take timeout-take_later concurrency-take
        concurrency-take_later debounce-take debounce-take_later throttle-take
        throttle-take_later kind-take kind-take_later emit-id""",
    "3": """Signal-retain signal-stream event-version Bus-grace Bus-retain
        signal-retain wait_for-timeout stream-capacity emitter-limit ManualClock
        advance priority-take priority-take_later timeout-take_later
        concurrency-take_later debounce-take debounce-take_later throttle-take
        throttle-take_later""",
    "'x'": """Signal signal-id event on-key once-key off-key emit emit-name emit-id
        emit_soon emit_threadsafe signal next wait_for stream intercept forward-key
        subscriptions record-key""",
    "object()": "",
}
"""Where this makes sense after all."""

ABSURD: dict[str, Any] = {"None": None, "3": 3, "'x'": "x", "object()": object()}


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("call", CALLS)
async def test_absurd_argument_is_an_error_of_ours(call: str, value: str) -> None:
    """At the call, with what was given in the text; nothing else ever."""
    async with Bus() as bus:
        if call in FINE[value].split():
            CALLS[call](bus, ABSURD[value])
            return

        with pytest.raises(UpcallError) as caught:
            CALLS[call](bus, ABSURD[value])

    shown = str(caught.value)
    given = [repr(ABSURD[value]), "nothing", "Paid", "weak", "thread"]
    assert any(each in shown for each in given), shown
    assert len(shown) > 20


@pytest.mark.parametrize("value", ABSURD)
async def test_absurd_argument_of_aemit_is_an_error_of_ours(value: str) -> None:
    """Like `emit`, but when it is awaited."""
    args: tuple[Any, ...] = (Paid(), ABSURD[value])

    with pytest.raises(MalformedKeyError):
        await Bus().aemit(*args)


async def test_manual_clock_sleeps_for_a_number_of_seconds_only() -> None:
    """Text is none; a negative one is over at once."""
    await ManualClock().sleep(-1)

    with pytest.raises(OptionError, match="seconds='x' is no time"):
        await ManualClock().sleep("x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "method",
    [
        "on",
        "once",
        "off",
        "emit",
        "listeners",
        "raw_listeners",
        "listener_count",
        "remove_all_listeners",
    ],
)
def test_name_that_cannot_be_hashed_is_refused_by_an_emitter(method: str) -> None:
    """As a type that does not fit, which it is."""
    more = (take,) if method in ("on", "once", "off") else ()

    with pytest.raises(WrongTypeError, match="give something hashable"):
        getattr(EventEmitter(), method)([], *more)


@pytest.mark.parametrize(
    ("key", "match"),
    [
        (Paid | Refunded, "is a union: subscribe to each of its classes"),
        (Union[Paid, Refunded], "is a union: subscribe to each"),  # noqa: UP007
        (Optional[Paid], "is a union: subscribe to each"),  # noqa: UP045
        (list[int], "generic alias, and events know no type arguments: give .* list"),
    ],
)
def test_key_that_only_looks_like_a_class_is_explained(key: Any, match: str) -> None:
    """It is one for type checkers."""
    with pytest.raises(MalformedKeyError, match=match):
        Bus().on(key, take)


def test_none_is_no_callback_and_makes_no_decorator() -> None:
    """It is what a lookup gives that found nothing."""
    bus, signal = Bus(), Signal[int]("a")

    for where in (signal, bus):
        for method in ("on", "once"):
            key = ("a",) if where is bus else ()

            with pytest.raises(WrongTypeError, match="None is no callback: give a fu"):
                getattr(where, method)(*key, None)

    assert bus.subscriptions() == signal.subscriptions() == []


def test_class_with_a_payload_is_refused_even_when_it_has_been_emitted() -> None:
    """What is planned for the class is not planned for that."""
    heard: list[object] = []
    bus: Any = Bus()
    bus.on(Paid, heard.append)
    bus.emit(paid := Paid())

    with pytest.raises(MalformedKeyError, match="Paid is a class: emit an instance"):
        bus.emit(Paid, Paid())

    assert heard == [paid]


def test_payload_of_a_name_is_heard_by_the_name_alone() -> None:
    """Whatever its class."""
    heard: list[str] = []
    bus = Bus()
    bus.on(Paid, lambda _: heard.append("class"))
    bus.on("paid", lambda _: heard.append("name"))

    assert bus.emit("paid", Paid()) == 1
    assert heard == ["name"]


@pytest.mark.parametrize(
    "on_error", [lambda error: None, lambda: None, lambda a, b, c, d: None]
)
def test_on_error_of_another_arity_is_refused(on_error: Any) -> None:
    """Not when the first failure comes."""
    with pytest.raises(OptionError, match="cannot be called with three arguments"):
        Bus(on_error=on_error)


@pytest.mark.parametrize("on_error", [lambda *args: None, print, max])
def test_on_error_of_which_nobody_can_tell_is_taken(on_error: Any) -> None:
    """Builtins, say."""
    Bus(on_error=on_error)


async def test_timeout_of_wait_for_names_the_key() -> None:
    """Of a class its name."""
    bus = Bus()

    with pytest.raises(PromiseTimeoutError, match=r"no 'a\.\*' came within 0 seconds"):
        await bus.wait_for("a.*", timeout=0)

    with pytest.raises(TimeoutError, match="no 'Paid' came within 0 seconds"):
        await bus.wait_for(Paid, timeout=0)


async def test_wait_for_refused_for_its_timeout_has_not_subscribed() -> None:
    """Or it would hear for ever."""
    bus = Bus()

    with pytest.raises(OptionError, match="timeout=-1 is no time"):
        bus.wait_for("a", timeout=-1)

    assert bus.subscriptions() == []


async def test_drain_in_another_thread_is_refused() -> None:
    """It could not know what runs."""
    async with Bus() as bus:

        def elsewhere() -> str:
            with pytest.raises(UpcallError) as caught:
                anyio.run(bus.drain)

            return str(caught.value)

        assert "in the bus's own thread" in await anyio.to_thread.run_sync(elsewhere)
