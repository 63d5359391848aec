"""What users see of the objects they are given: what is theirs, and no more."""

from __future__ import annotations

__all__ = ()

import pytest

from upcall import (
    Bus,
    Envelope,
    Promise,
    Signal,
    Statistics,
    Stream,
    Subscription,
)
from upcall.testing import ManualClock, Record

SURFACE: dict[type[object], str] = {
    Bus: (
        "aemit drain emit emit_soon emit_threadsafe forward grace intercept is_open "
        "next off on once run signal statistics stream subscriptions wait_for"
    ),
    Signal: "aemit emit emit_soon name next off on once stream subscriptions",
    Subscription: "active callback cancel key pause place resume",
    Stream: "",
    Envelope: "cause id name payload time",
    Statistics: "calls emissions failures running subscriptions waiting",
    Promise: (
        "all all_settled any cancel catch delay finally_ from_future fulfilled map "
        "race reject resolve run shield state tap then timeout to_anyio to_asyncio "
        "to_concurrent try_ with_resolvers"
    ),
    Record: "clear count index names payloads",
    ManualClock: "advance next_due now sleep sleepers",
}


@pytest.mark.parametrize("kind", SURFACE, ids=lambda kind: kind.__name__)
def test_users_see_only_what_is_theirs(kind: type[object]) -> None:
    """In the reference, in `dir` and in what an editor offers."""
    assert [name for name in dir(kind) if name[0] != "_"] == SURFACE[kind].split()


def test_objects_show_no_more_than_their_classes_do() -> None:
    """An interpreter completes by the object at hand."""
    bus, signal = Bus(), Signal[int]("a")
    things: list[object] = [bus, signal, bus.on("a", print), bus.stream("a")]

    for thing in things:
        kind = next(each for each in SURFACE if isinstance(thing, each))
        assert [n for n in dir(thing) if n[0] != "_"] == SURFACE[kind].split()


METHODS = [kind for kind in SURFACE if kind not in (Envelope, Statistics)]


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)
def test_everything_that_users_see_says_what_it_does(kind: type[object]) -> None:
    """Each has a docstring; those of fields are in the source only."""
    for name in SURFACE[kind].split():
        assert getattr(kind, name).__doc__, name


def test_bus_tells_its_grace() -> None:
    """Who waits for what it does can wait as long as it does itself."""
    assert Bus().grace is None
    assert Bus(grace=2.5).grace == 2.5
