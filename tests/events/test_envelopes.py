"""Envelopes: id, name, payload, time and cause."""

from __future__ import annotations

__all__ = ()

from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from upcall import (
    Bus,
    Envelope,
)


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
