"""The port: asyncio, uvloop and trio do the same."""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import logging
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from upcall._loops.loop import Loop
from upcall._loops.which import current_loop
from upcall.errors import NoRunningLoopError

NAME: ContextVar[str] = ContextVar("NAME", default="unset")
RUNS: Any = {"asyncio": lambda main: asyncio.run(main()), "trio": trio.run}


async def turns(number: int = 5) -> None:
    """Let the loop run some turns."""
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


async def test_a_spawned_task_runs_in_the_given_context() -> None:
    """By default in a copy of the present one."""
    seen: list[str] = []

    async def look() -> None:
        seen.append(NAME.get())
        NAME.set("changed")

    NAME.set("caller")
    context = copy_context()
    context.run(NAME.set, "given")
    current_loop().spawn(look(), context)
    current_loop().spawn(look())
    await turns()

    assert sorted(seen) == ["caller", "given"]
    assert (context[NAME], NAME.get()) == ("changed", "caller")


async def test_a_spawned_task_may_use_what_anyio_has() -> None:
    """Task groups, scopes and timeouts."""
    done = anyio.Event()

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)

            with anyio.move_on_after(0):
                await anyio.sleep(60)

        done.set()

    current_loop().call_soon(lambda: current_loop().spawn(work()))

    with anyio.fail_after(5):
        await done.wait()


async def test_a_handle_cancels_its_task_alone() -> None:
    """Also before it began, and not after its end."""
    log: list[str] = []

    async def work(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append(name)

    loop = current_loop()
    one, other = loop.spawn(work("one")), loop.spawn(work("other"))
    one.cancel()
    await turns()
    assert log == ["one"]

    other.cancel()
    await turns()
    other.cancel()
    assert log == ["one", "other"]


@pytest.mark.parametrize("run", RUNS)
def test_tasks_end_with_their_loop(run: str) -> None:
    """They are cancelled, and may clean up."""
    log: list[str] = []

    async def work(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append(name)

    async def main() -> None:
        current_loop().spawn(work("began"))
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        current_loop().jobs.later(lambda: current_loop().spawn(work("hardly began")))

    RUNS[run](main)

    assert "began" in log


@pytest.mark.parametrize("run", RUNS)
def test_an_error_without_a_caller_is_told(
    run: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a task, a callback or a job; and nothing else is harmed."""
    log: list[str] = []

    async def fails() -> None:
        raise ValueError("in a task")

    def raises(text: str) -> None:
        raise ValueError(text)

    async def main() -> None:
        loop = current_loop()
        loop.spawn(fails())
        loop.call_soon(raises, "in a callback")
        loop.jobs.later(raises, "in a job")
        loop.jobs.later(log.append, "next job")
        await turns(10)

    RUNS[run](main)

    assert log == ["next job"]
    assert len(caplog.records) == 3
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert {
        str(record.exc_info[1]) for record in caplog.records if record.exc_info
    } == {
        "in a task",
        "in a callback",
        "in a job",
    }


@pytest.mark.parametrize("run", RUNS)
def test_a_loop_that_has_ended_says_so(run: str) -> None:
    """To whoever comes from a thread, too."""

    async def main() -> Loop:
        return current_loop()

    loop: Loop = RUNS[run](main)

    for call in (loop.call_soon, loop.call_soon_threadsafe) * 2:
        with pytest.raises(NoRunningLoopError, match="has ended: make promises anew"):
            call(print)

        gc.collect()  # and then the native loop is no more

    async def work() -> None:
        raise AssertionError("it was run")

    with pytest.raises(RuntimeError):
        loop.spawn(work())

    assert not loop.is_here()


async def test_a_waiter_is_woken_once() -> None:
    """A second wake, and one after a cancellation, do nothing."""
    log: list[str] = []
    loop = current_loop()
    waiters: list[Any] = []

    async def waits() -> None:
        waiter = loop.waiter()
        waiters.append(waiter)
        await waiter
        log.append("woken")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waits)
        await turns()
        waiters[0].wake()
        waiters[0].wake()
        await turns()
        tasks.start_soon(waits)
        await turns()
        tasks.cancel_scope.cancel()

    waiters[1].wake()
    assert log == ["woken"]


def test_an_interrupt_in_a_callback_ends_a_trio_run() -> None:
    """Raised in a task, as nothing may fly out of a callback."""

    def interrupts() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        current_loop().call_soon(interrupts)
        await trio.sleep(5)

    with pytest.raises(trio.TrioInternalError):
        trio.run(main)


def test_an_interrupt_in_a_callback_leaves_asyncio_bare() -> None:
    """As from any callback."""

    def interrupts() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        current_loop().call_soon(interrupts)
        await asyncio.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
