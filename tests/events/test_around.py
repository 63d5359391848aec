"""What happens around the calls: interceptors, keepers, and other buses."""

from __future__ import annotations

__all__ = ()

from typing import Any, cast

import attrs
import pytest

from upcall import STOP, Bus, BusNotOpenError, CallbackErrors, Envelope, OptionError
from upcall._events.inside import hub_of


class Shelf:
    """A keeper that writes down what it is asked to."""

    def __init__(self, log: list[Any], *, wanted: str = "a") -> None:
        self.log = log
        self.wanted = wanted
        self.closed = False
        self.error: Exception | None = None

    def wants(self, name: str) -> bool:
        return name == self.wanted

    async def keep(self, envelope: Envelope[Any]) -> None:
        self.keep_soon(envelope)

    def keep_soon(self, envelope: Envelope[Any]) -> None:
        if self.error is not None:
            raise self.error

        self.log.append(("kept", envelope.payload))


def test_interceptor_lets_pass_replaces_or_stops() -> None:
    """In the order they were added, for the keys they ask for."""
    bus = Bus()
    heard: list[int] = []
    bus.on("a", heard.append)
    bus.intercept("a", lambda e: None)
    bus.intercept("*", lambda e: attrs.evolve(e, payload=e.payload + 1))
    bus.intercept("b", lambda e: STOP)
    stopping = bus.intercept("a", lambda e: STOP if e.payload > 5 else None)

    assert [bus.emit("a", x) for x in (1, 5)] == [1, 0]
    stopping.cancel()
    assert bus.emit("a", 5) == 1
    assert heard == [2, 6]


async def test_stopped_aemit_gives_nothing() -> None:
    """Nobody has heard it."""
    bus = Bus()
    bus.on("a", lambda x: x)
    bus.intercept("a", lambda _: STOP)

    assert await bus.aemit("a", 1) == []


@pytest.mark.parametrize("answer", [5, "STOP", True])
def test_interceptor_that_returns_nonsense_is_told(answer: Any) -> None:
    """Another type of payload is nonsense too."""
    bus = Bus()
    heard: list[int] = []
    bus.on("a", heard.append)
    bus.intercept("a", lambda _: answer)

    with pytest.raises(OptionError, match="interceptor"):
        bus.emit("a", 1)
    bus.intercept("b", lambda e: attrs.evolve(e, payload="text"))
    with pytest.raises(OptionError, match="interceptor"):
        bus.emit("b", 1)
    assert heard == []


def test_interceptor_that_raises_ends_the_emission_before_any_call() -> None:
    """With its own error, which names it."""
    bus = Bus()
    heard: list[int] = []
    bus.on("a", heard.append)

    def broken(_: Envelope[Any]) -> None:
        raise KeyError("broken")

    bus.intercept("a", broken)

    with pytest.raises(KeyError) as caught:
        bus.emit("a", 1)
    assert "broken" in caught.value.__notes__[0]
    assert heard == []


def test_async_interceptor_is_refused() -> None:
    """Interceptors are sync."""

    async def interceptor(_: Envelope[Any]) -> None: ...

    with pytest.raises(OptionError, match="sync"):
        Bus().intercept("a", interceptor)


async def test_keeper_has_it_before_any_callback_hears_it() -> None:
    """With `aemit` and `emit`; only what it wants."""
    log: list[Any] = []
    bus = Bus()
    bus.on("*", lambda x: log.append(("heard", x)))
    hub_of(bus).add_keeper(Shelf(log))

    await bus.aemit("a", 1)
    bus.emit("a", 2)
    bus.emit("b", 3)

    assert log == [("kept", 1), ("heard", 1), ("kept", 2), ("heard", 2), ("heard", 3)]


async def test_keeper_that_fails_ends_the_emission_before_any_callback() -> None:
    """With its own error."""
    log: list[Any] = []
    shelf, bus = Shelf(log), Bus()
    shelf.error = OSError("disk full")
    bus.on("a", log.append)
    hub_of(bus).add_keeper(shelf)

    with pytest.raises(OSError, match="disk full"):
        await bus.aemit("a", 1)
    with pytest.raises(OSError, match="disk full"):
        bus.emit("a", 1)
    assert log == []


async def test_what_keepers_want_is_asked_again_when_they_say_so() -> None:
    """And not before."""
    log: list[Any] = []
    shelf, bus = Shelf(log), Bus()
    hub_of(bus).add_keeper(shelf)
    bus.emit("b", 1)

    shelf.wanted = "b"
    bus.emit("b", 2)
    hub_of(bus).keepers_changed()
    bus.emit("b", 3)
    hub_of(bus).remove_keeper(shelf)
    bus.emit("b", 4)

    assert log == [("kept", 3)]


async def test_closed_keeper_is_forgotten_when_the_bus_closes() -> None:
    """Until then it refuses."""
    log: list[Any] = []
    shelf, bus = Shelf(log), Bus()

    async with bus:
        hub_of(bus).add_keeper(shelf)
        shelf.closed = True
        shelf.error = RuntimeError("closed")
        with pytest.raises(RuntimeError):
            bus.emit("a", 1)

    assert bus.emit("a", 1) == 0


async def test_forward_lets_other_buses_hear_the_same_envelope() -> None:
    """Counts and values include theirs."""
    one, other = Bus(), Bus()
    heard: list[Envelope[Any]] = []
    one.on("a", heard.append, envelope=True)
    other.on("a", heard.append, envelope=True)
    other.on("a", lambda x: x + 1)
    link = one.forward(other)

    assert one.emit("a", 1) == 3
    assert heard[0] is heard[1]
    assert await one.aemit("a", 1) == [None, None, 2]
    link.cancel()
    assert one.emit("a", 1) == 1


def test_envelope_enters_a_bus_once() -> None:
    """A ring ends, and a diamond is no detour."""
    buses = [Bus() for _ in range(4)]
    heard: list[int] = []
    for i, bus in enumerate(buses):
        bus.on("a", lambda _, i=i: heard.append(i))  # type: ignore[misc]
    a, b, c, d = buses
    for one, other in ((a, b), (a, c), (b, d), (c, d), (d, a)):
        one.forward(other)

    assert a.emit("a", 1) == 4
    assert sorted(heard) == [0, 1, 2, 3]


async def test_failures_of_other_buses_are_in_the_same_group() -> None:
    """None is lost."""
    one, other = Bus(), Bus()
    one.forward(other, "a")
    for bus in (one, other):
        bus.on("a", lambda _: 1 / 0)

    with pytest.raises(CallbackErrors) as caught:
        one.emit("a", 1)
    assert len(caught.value.exceptions) == 2
    with pytest.raises(CallbackErrors) as caught:
        await one.aemit("a", 1)
    assert len(caught.value.exceptions) == 2


async def test_background_callback_of_another_bus_needs_that_bus_open() -> None:
    """It is refused before anybody was called."""
    one, other = Bus(), Bus()
    heard: list[int] = []

    async def later(x: int) -> None:
        heard.append(x)

    one.forward(other)
    one.on("a", heard.append)
    other.on("a", later)

    async with one:
        with pytest.raises(BusNotOpenError, match="later"):
            one.emit("a", 1)
    assert heard == []

    async with other:
        assert one.emit("a", 1) == 2
    assert heard == [1, 1]


def test_forward_needs_another_bus() -> None:
    """Not itself, and not something else."""
    bus = Bus()

    with pytest.raises(OptionError, match="another bus"):
        bus.forward(bus)

    with pytest.raises(OptionError, match="other=5 is no bus: give a Bus"):
        bus.forward(cast("Any", 5))
