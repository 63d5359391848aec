"""Which loop runs here."""

from __future__ import annotations

__all__ = ()

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from upcall._loops.which import current_loop, is_cancellation
from upcall.errors import NoRunningLoopError

RUNS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "asyncio.run": lambda main: asyncio.run(main()),
    "anyio.run": anyio.run,
    "trio.run": trio.run,
    "anyio.run on trio": lambda main: anyio.run(main, backend="trio"),
}

if sys.platform != "win32":
    import uvloop

    RUNS["uvloop.run"] = lambda main: uvloop.run(main())


@pytest.mark.parametrize("run", RUNS)
def test_the_loop_is_found_in_tasks_and_callbacks(run: str) -> None:
    """Under a plain asyncio.run too, where anyio knows of none in a callback."""
    found: list[Any] = []

    async def main() -> None:
        loop = current_loop()
        done = anyio.Event()
        found.extend([loop, current_loop(), loop.is_here()])

        def callback() -> None:
            found.extend([current_loop(), loop.is_here()])
            loop.jobs.later(job)

        def job() -> None:
            found.append(current_loop())
            loop.call_soon_threadsafe(done.set)

        loop.call_soon(callback)
        await done.wait()

    RUNS[run](main)

    assert found[2] is found[4] is True
    assert {type(found[0])} == {type(found[i]) for i in (1, 3, 5)}
    assert found[0] is found[1] is found[3] is found[5]


@pytest.mark.parametrize("run", RUNS)
def test_a_loop_object_ends_with_its_loop(run: str) -> None:
    """It keeps nothing alive, and nothing keeps it."""

    async def main() -> Any:
        return weakref.ref(current_loop())

    found = RUNS[run](main)
    gc.collect()
    gc.collect()  # the first takes the native loop, and then ours can go

    assert found() is None


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("other", RUNS)
def test_loops_one_after_another_and_in_threads(run: str, other: str) -> None:
    """Each is found where it runs."""
    seen: list[Any] = []

    async def inner() -> None:
        seen.append(current_loop())

    async def outer() -> None:
        mine = current_loop()
        thread = threading.Thread(target=lambda: RUNS[other](inner))
        thread.start()
        thread.join()
        assert current_loop() is mine
        assert seen[-1] is not mine
        assert not seen[-1].is_here()

    RUNS[run](outer)
    RUNS[other](outer)


def test_no_loop_is_an_error_that_says_where_there_is_one() -> None:
    """Also after one has ended, and in a thread that has none."""
    asyncio.run(anyio.lowlevel.checkpoint())
    errors: list[BaseException] = []

    def thread() -> None:
        try:
            current_loop()
        except NoRunningLoopError as error:
            errors.append(error)

    thread()
    threading.Thread(target=thread).run()

    async def main() -> None:
        await anyio.to_thread.run_sync(thread)

    anyio.run(main)
    anyio.run(main, backend="trio")

    assert len(errors) == 4
    assert all("in an async function or in a callback" in str(e) for e in errors)


def test_both_loops_of_trios_guest_mode_are_told_apart() -> None:
    """They share a thread; what runs decides."""
    found: dict[str, str] = {}

    async def guest() -> None:
        found["in a trio task"] = type(current_loop()).__name__
        done = trio.Event()
        current_loop().call_soon(
            lambda: (
                found.update({"in a trio callback": type(current_loop()).__name__}),
                done.set(),
            )
        )
        await done.wait()

    async def host() -> None:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda _: over.set_result(None),
        )
        found["in an asyncio task"] = type(current_loop()).__name__
        await over
        found["after"] = type(current_loop()).__name__

    asyncio.run(host())

    assert found == {
        "in a trio task": "TrioLoop",
        "in a trio callback": "TrioLoop",
        "in an asyncio task": "AsyncioLoop",
        "after": "AsyncioLoop",
    }


async def test_cancellations_are_known() -> None:
    """Of either library, whichever runs."""
    with anyio.CancelScope() as scope:
        scope.cancel()

        try:
            await anyio.sleep(1)
        except BaseException as error:
            assert is_cancellation(error)
            raise

    assert is_cancellation(asyncio.CancelledError())
    assert not is_cancellation(KeyboardInterrupt())
    assert not is_cancellation(ValueError())
