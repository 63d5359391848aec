"""The virtual time that other tests rely on."""

from __future__ import annotations

__all__ = ()

import time

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.events.virtual import LOOPS, Backend, backend


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Choose a loop with virtual time."""
    return backend(request.param)


async def test_virtual_sleep_takes_its_time_on_the_loops_clock_only() -> None:
    """A day is over at once, and is a day."""
    begin, really = anyio.current_time(), time.monotonic()

    await anyio.sleep(86_400)

    assert anyio.current_time() - begin == pytest.approx(86_400)
    assert time.monotonic() - really < 30


async def test_virtual_timers_come_in_the_order_of_their_times() -> None:
    """Whoever was set first."""
    woken: list[tuple[float, float]] = []
    begin = anyio.current_time()

    async def sleep(seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append((seconds, round(anyio.current_time() - begin, 6)))

    async with anyio.create_task_group() as group:
        for seconds in (30, 10, 20.5):
            group.start_soon(sleep, seconds)

    assert woken == [(10, 10), (20.5, 20.5), (30, 30)]


async def test_virtual_deadline_cancels_in_time() -> None:
    """Not before, and not after."""
    begin = anyio.current_time()

    with anyio.move_on_after(5) as scope:
        await anyio.sleep(60)

    assert scope.cancelled_caught
    assert anyio.current_time() - begin == pytest.approx(5)


async def test_virtual_time_stands_still_while_there_is_something_to_do() -> None:
    """Turns of the loop cost nothing."""
    begin = anyio.current_time()

    for _ in range(100):
        await anyio.lowlevel.checkpoint()

    assert anyio.current_time() == begin


async def test_virtual_loop_is_woken_by_threads() -> None:
    """With no timer in sight it waits as any loop does."""
    assert await anyio.to_thread.run_sync(lambda: 5) == 5
