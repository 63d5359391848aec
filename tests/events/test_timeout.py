"""`timeout=`: a callback that takes too long is cancelled, and has failed."""

from __future__ import annotations

__all__ = ()

import threading

import anyio
import anyio.to_thread
import pytest
from tests.events.virtual import LOOPS, Backend, backend

from upcall import Bus, CallbackErrors, CallbackTimeoutError, Signal


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Choose a loop with virtual time."""
    return backend(request.param)


async def test_timeout_cancels_the_callback_and_is_its_failure() -> None:
    """It is cancelled in time, cleans up, and the others run."""
    signal = Signal[float]("a")
    cleaned: list[float] = []

    async def sleep(seconds: float) -> str:
        try:
            await anyio.sleep(seconds)
        finally:
            cleaned.append(seconds)

        return "done"

    signal.on(sleep, timeout=10)
    signal.on(sleep)
    begin = anyio.current_time()

    with pytest.raises(CallbackErrors) as caught:
        await signal.aemit(30)

    (error,) = caught.value.exceptions
    assert isinstance(error, CallbackTimeoutError)
    assert isinstance(error, TimeoutError)
    assert "10 s" in str(error)
    assert "sleep" in error.__notes__[0]
    assert cleaned == [30, 30]
    assert anyio.current_time() - begin == pytest.approx(30)


async def test_timeout_does_nothing_to_who_is_in_time() -> None:
    """The value is as ever."""
    signal = Signal[float]("a")

    @signal.on(timeout=10)
    async def sleep(seconds: float) -> str:
        await anyio.sleep(seconds)
        return "done"

    assert await signal.aemit(9) == ["done"]


async def test_timeout_of_a_background_callback_goes_to_on_error() -> None:
    """With its subscription."""
    told: list[tuple[Exception, object]] = []

    async with Bus(on_error=lambda error, who, _: told.append((error, who))) as bus:
        subscription = bus.on("a", anyio.sleep, timeout=5)
        bus.emit("a", 60)

    ((error, who),) = told
    assert isinstance(error, CallbackTimeoutError)
    assert who is subscription


async def test_timeout_does_not_count_the_time_in_a_queue() -> None:
    """Each run has all of it for itself."""
    bus = Bus()
    bus.on("a", anyio.sleep, timeout=10, overlap="queue")

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(bus.aemit, "a", 9)


async def test_error_of_a_callback_that_was_timed_out_is_its_failure() -> None:
    """What it raises on its way out says more than that it was late."""
    signal = Signal[float]("a")

    @signal.on(timeout=1)
    async def sleep(seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
        finally:
            raise ValueError("on the way out")

    with pytest.raises(CallbackErrors) as caught:
        await signal.aemit(30)

    assert isinstance(caught.value.exceptions[0], ValueError)


async def test_cancellation_from_outside_is_no_timeout() -> None:
    """The caller's own deadline comes out as what it is."""
    signal = Signal[float]("a")
    signal.on(anyio.sleep, timeout=10)

    with anyio.move_on_after(5) as scope:
        await signal.aemit(30)

    assert scope.cancelled_caught


async def test_callback_that_ends_late_all_the_same_has_failed() -> None:
    """A shield cannot be broken, but it took too long."""
    signal = Signal[float]("a")

    @signal.on(timeout=10)
    async def shielded(seconds: float) -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(seconds)

        return "done"

    with pytest.raises(CallbackErrors) as caught:
        await signal.aemit(30)

    assert isinstance(caught.value.exceptions[0], CallbackTimeoutError)


async def test_late_thread_has_failed_and_still_counts_for_overlap() -> None:
    """Until it ends, for its time was over long before."""
    signal = Signal[int]("a")
    began, go_on = threading.Event(), threading.Event()

    @signal.on(thread=True, timeout=5, overlap="drop")
    def blocks(_: int) -> None:
        began.set()
        go_on.wait(10)

    async def late() -> None:
        with pytest.raises(CallbackErrors) as caught:
            await signal.aemit(1)

        assert isinstance(caught.value.exceptions[0], CallbackTimeoutError)

    async with anyio.create_task_group() as group:
        group.start_soon(late)
        await anyio.to_thread.run_sync(began.wait, 10)

        assert await signal.aemit(2) == []
        await anyio.sleep(6)
        go_on.set()
