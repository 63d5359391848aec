"""Envelopes: id, name, payload, time and cause."""

from __future__ import annotations

__all__ = ()

import threading
import time
import uuid
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from upcall import Bus, CallbackErrors, Envelope, OptionError, Signal, event
from upcall._events import envelope as envelope_module
from upcall._events.envelope import new_id


def test_envelope_has_id_name_payload_time_and_cause() -> None:
    """One for all who ask, with the id that was given."""
    bus = Bus()
    heard: list[Envelope[Any]] = []
    bus.on("a", heard.append, envelope=True)
    bus.on("*", heard.append, envelope=True)

    bus.emit("a", 5, id="mine")

    one, other = heard
    assert one is other
    assert (one.id, one.name, one.payload, one.cause) == ("mine", "a", 5, None)
    assert one.time.utcoffset() is not None
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.id = "x"  # type: ignore[misc]


async def test_cause_is_the_nearest_emission_with_an_envelope() -> None:
    """Through sync, async and background callbacks."""
    heard: list[Envelope[Any]] = []

    async with Bus(trace=True) as bus:

        async def later(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            bus.emit("c")

        bus.on("a", lambda _: bus.emit("b"))
        bus.on("b", later)
        bus.on("**", heard.append, envelope=True)
        bus.emit("a")

    ids = {envelope.name: envelope.id for envelope in heard}
    causes = {envelope.name: envelope.cause for envelope in heard}
    assert causes == {"a": None, "b": ids["a"], "c": ids["b"]}


def test_made_ids_rise_strictly_in_every_thread() -> None:
    """As text too, and none comes twice."""
    made: list[list[str]] = []

    def make() -> None:
        made.append([new_id() for _ in range(2000)])

    threads = [threading.Thread(target=make) for _ in range(4)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert all(ids == sorted(ids) for ids in made)
    assert len(set().union(*made)) == 8000


def test_made_ids_are_uuids_of_version_7_and_tell_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In whole milliseconds, in the first 48 bits."""
    in_a_hundred_years = time.time_ns() + 100 * 365 * 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: in_a_hundred_years)
    monkeypatch.setattr(envelope_module, "_last", 0)

    made = uuid.UUID(new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == in_a_hundred_years // 10**6


def test_made_ids_rise_though_the_clock_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It counts on from the last one then."""
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert before < new_id() < new_id()


@pytest.mark.parametrize("id", ["", "a.b", "a b", "ä", "a\n", "x" * 201, 5])
def test_id_that_cannot_be_one_is_refused(id: Any) -> None:
    """By every way to emit, before any call."""
    bus, signal = Bus(), Signal[int]("a")
    heard: list[object] = []
    bus.on("a", heard.append)
    signal.on(heard.append)

    with pytest.raises(OptionError, match="id="):
        bus.emit("a", 1, id=id)

    with pytest.raises(OptionError, match="id="):
        signal.emit(1, id=id)

    assert heard == []


async def test_given_id_goes_by_every_way_to_emit() -> None:
    """Signals and buses, now, awaited and later."""
    heard: list[str] = []

    async with Bus() as bus:
        signal = bus.signal("a")
        bus.on("a", lambda envelope: heard.append(envelope.id), envelope=True)

        bus.emit("a", id="1")
        signal.emit(None, id="2")
        await bus.aemit("a", id="3")
        await signal.aemit(None, id="4")
        await bus.emit_soon("a", id="5")
        await signal.emit_soon(None, id="6")
        bus.emit_threadsafe("a", id="7")

    assert heard == list("1234567")


@pytest.mark.parametrize("kind", ["plain", "filtered", "async"])
async def test_given_id_is_the_cause_of_what_is_emitted_inside(kind: str) -> None:
    """It makes an envelope, though nobody hears it: on every path."""
    causes: list[str | None] = []

    async def later(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        inside(_)

    def inside(_: object) -> None:
        bus.emit("b")

    async with Bus() as bus:
        bus.on("b", lambda envelope: causes.append(envelope.cause), envelope=True)

        if kind == "async":
            bus.on("a", later)
        else:
            bus.on("a", inside, when=None if kind == "plain" else bool)

        bus.emit("a", 1, id="mine")
        await bus.drain()
        await bus.aemit("a", 1, id="mine")
        bus.emit("b")

    assert causes == ["mine", "mine", None]


def test_cause_ends_with_its_emission() -> None:
    """If callbacks fail too; and the inner one does not disturb the outer one."""
    bus = Bus(trace=True)
    heard: list[Envelope[Any]] = []
    bus.on("**", heard.append, envelope=True, priority=1)
    bus.on("a", lambda _: bus.emit("b"))
    bus.on("a", lambda _: bus.emit("b"))
    bus.on("b", lambda _: 1 / 0)

    with pytest.raises(CallbackErrors):
        bus.emit("a")

    bus.emit("c")

    a, first, second, c = heard
    assert (a.cause, first.cause, second.cause, c.cause) == (None, a.id, a.id, None)


def test_nobody_makes_an_envelope_that_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would cost ten times the emission."""

    def refuse() -> str:
        raise AssertionError("an envelope was made")

    monkeypatch.setattr(envelope_module, "new_id", refuse)
    bus, signal = Bus(), Signal[int]("a")
    bus.on("a", lambda _: None, when=bool)
    signal.on(lambda _: None)

    assert bus.emit("a", 1) == signal.emit(1) == 1

    bus.on("a", lambda _: None, envelope=True)
    with pytest.raises(AssertionError):
        bus.emit("a", 1)


def test_class_event_has_its_name_in_the_envelope() -> None:
    """And an undecorated one none."""
    bus = Bus()
    names: list[str] = []

    class Nameless:
        """An event of no name."""

    bus.on("**", lambda envelope: names.append(envelope.name), envelope=True)
    bus.emit(Moved(1))
    bus.emit(Nameless())

    assert names == ["test.envelopes.moved", ""]


@event("test.envelopes.moved")
class Moved:
    """What one test emits."""

    x: int
