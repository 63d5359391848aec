"""`grace=`: how long a bus that closes waits before it cancels."""

from __future__ import annotations

__all__ = ()

import anyio
import pytest
from tests.events.virtual import LOOPS, Backend, backend

from upcall import Bus


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Choose a loop with virtual time."""
    return backend(request.param)


async def closed_after(bus: Bus, seconds: float) -> tuple[float, list[str]]:
    """Close a bus while a callback runs that takes so long; tell when, and its end."""
    begin = anyio.current_time()
    log: list[str] = []

    @bus.on("a")
    async def sleep(_: object) -> None:
        try:
            await anyio.sleep(seconds)
            log.append("done")
        finally:
            log.append("ended")

    async with bus:
        bus.emit("a")

    return round(anyio.current_time() - begin, 3), log


async def test_without_grace_it_waits_for_ever() -> None:
    """As a task group does."""
    assert await closed_after(Bus(), 86_400) == (86_400, ["done", "ended"])


async def test_grace_is_not_waited_for_if_all_end_before() -> None:
    """It is a limit."""
    assert await closed_after(Bus(grace=10), 3) == (3, ["done", "ended"])


async def test_after_its_grace_it_cancels_and_waits_for_the_cleaning_up() -> None:
    """And nothing comes out: this is how it was to be."""
    assert await closed_after(Bus(grace=10), 60) == (10, ["ended"])


async def test_no_grace_at_all_cancels_what_still_runs() -> None:
    """What has nothing to wait for goes by itself."""
    assert await closed_after(Bus(grace=0), 60) == (0, ["ended"])


async def test_grace_ends_who_consumes_a_stream_of_another_bus() -> None:
    """Which this bus cannot end otherwise."""
    log: list[str] = []
    other = Bus()

    async def consume() -> None:
        try:
            async with other.stream("a") as events:
                await anext(events)
        finally:
            log.append("ended")

    async with Bus(grace=5) as bus:
        bus.run(consume)
        await anyio.sleep(1)

    assert log == ["ended"]


async def test_cancelling_who_waits_for_the_grace_ends_it_at_once() -> None:
    """The outer deadline comes first."""
    begin = anyio.current_time()

    with anyio.move_on_after(3) as scope:
        await closed_after(Bus(grace=10), 60)

    assert scope.cancelled_caught
    assert anyio.current_time() - begin == pytest.approx(3)
