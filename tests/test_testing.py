"""What we offer to users' tests."""

from __future__ import annotations

__all__ = ()

import anyio
import pytest

from upcall import Bus, MalformedKeyError
from upcall.testing import ManualClock, record


def test_record_is_a_list_of_the_envelopes_heard_in_the_block() -> None:
    """And stays as it is afterwards."""
    bus = Bus()
    bus.emit("before")

    with record(bus) as heard:
        bus.emit("a.x", 1)
        bus.emit("b", 2)

    bus.emit("after")
    assert heard.names == ["a.x", "b"]
    assert heard.payloads == [1, 2]
    assert len(heard) == 2
    assert heard[0].payload == 1
    assert [envelope.name for envelope in heard[1:]] == ["b"]
    assert "a.x" in repr(heard)
    heard.clear()
    assert list(heard) == []


def test_record_can_be_told_what_to_hear() -> None:
    """By a name, a pattern or a class."""
    bus = Bus()

    with record(bus, "a.*") as heard:
        bus.emit("a.x")
        bus.emit("b.x")

    assert heard.names == ["a.x"]
    with pytest.raises(MalformedKeyError), record(bus, "a..b"):
        pass


async def test_manual_clock_wakes_sleepers_when_their_time_has_come() -> None:
    """In the order of their times."""
    clock = ManualClock(100.0)
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as group:
        for seconds in (3, 1, 2):
            group.start_soon(sleeper, seconds)
        await anyio.wait_all_tasks_blocked()
        assert (clock.sleepers, clock.next_due) == (3, 101.0)

        clock.advance(2)
        await anyio.wait_all_tasks_blocked()
        assert sorted(woken) == [1, 2]
        clock.advance(1)

    assert woken[-1] == 3
    assert clock.now() == clock() == 103.0
    assert clock.next_due is None


async def test_manual_clock_does_not_wait_for_no_time() -> None:
    """Nor keep a place for who gave up."""
    clock = ManualClock()
    await clock.sleep(0)

    with anyio.move_on_after(0):
        await clock.sleep(1)

    assert clock.sleepers == 0


def test_manual_clock_does_not_go_back() -> None:
    """It says so."""
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock().advance(-1)
