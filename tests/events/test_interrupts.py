"""Interrupts in async callbacks: they come out bare, and nothing else does."""

from __future__ import annotations

__all__ = ()

import asyncio
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, Signal

PROGRAM = Path(__file__).parent / "interrupted.py"


@pytest.mark.parametrize("loop", ["plain", "asyncio", "uvloop", "trio"])
def test_interrupted_callback_leaves_no_other_word_behind(loop: str) -> None:
    """No "Task exception was never retrieved" beside it, and no second interrupt."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")

    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, loop],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_failure_after_a_cancellation_is_told_though_nobody_waits(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The emission is cancelled, and raises that alone; the failure is not hidden."""

    async def fails(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("in its cleaning up")

    async def main() -> None:
        signal = Signal[int]("a")
        signal.on(fails)
        signal.on(Worker())

        async with anyio.create_task_group() as group:
            group.start_soon(signal.aemit, 1)
            await settle()
            group.cancel_scope.cancel()

    anyio.run(main, backend=loop)

    (record,) = caplog.records
    assert "failed after it was cancelled" in record.getMessage()
    assert record.exc_info
    assert str(record.exc_info[1]) == "in its cleaning up"


def test_block_left_for_an_interrupt_that_is_out_ends_cancelled() -> None:
    """On asyncio it ended the run; the loop's next run is there to clean up."""
    loop, ended = asyncio.new_event_loop(), list[str]()

    async def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        try:
            async with Bus() as bus:
                bus.on("a", interrupted)
                bus.emit("a")
                await anyio.sleep_forever()
        finally:
            ended.append("main")

    task = loop.create_task(main())

    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)

    task.cancel()

    with pytest.raises(BaseException) as caught:  # not to end the tests
        loop.run_until_complete(task)

    loop.close()
    assert isinstance(caught.value, asyncio.CancelledError)
    assert ended == ["main"]
