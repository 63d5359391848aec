"""Children of an awaited emission: cancellation means what anyio says it means.

Each case runs natively on asyncio and on trio, and with anyio's own task group as where
the native way does not fit; under ``anyio.run`` and ``asyncio.run``.
"""

from __future__ import annotations

__all__ = ()

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall._loops import asyncio_children
from upcall._loops.children import Failed
from upcall._loops.families import open_children, run_all
from upcall.errors import CallbackCancelledError

Case = Callable[[], Coroutine[Any, Any, None]]


def _factory(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Make tasks in a way that is not the loop's own."""
    return asyncio.Task(coroutine, loop=loop, **options)


def _plainly(case: Case) -> Case:
    """Run it as with an anyio that is not as we know it."""

    async def run() -> None:
        asyncio_children._known = False
        try:
            await case()
        finally:
            asyncio_children._known = True

    return run


def _with_factory(case: Case) -> Case:
    """Run it in a loop that makes its tasks in a way of its own."""

    async def run() -> None:
        asyncio.get_running_loop().set_task_factory(_factory)
        await case()

    return run


def _natively(case: Case) -> Case:
    async def run() -> None:
        assert asyncio_children.fits()
        await case()

    return run


RUNNERS: dict[str, Callable[[Case], None]] = {
    "asyncio.run": lambda case: asyncio.run(_natively(case)()),
    "asyncio.run, plain": lambda case: asyncio.run(_plainly(case)()),
    "asyncio.run, task factory": lambda case: asyncio.run(_with_factory(case)()),
    "anyio.run": lambda case: anyio.run(_natively(case)),
    "anyio.run, plain": lambda case: anyio.run(_plainly(case)),
    "uvloop": lambda case: anyio.run(
        _natively(case), backend_options={"use_uvloop": True}
    ),
    "trio": lambda case: anyio.run(case, backend="trio"),
}


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest) -> Callable[[Case], None]:
    """Choose the loop, and the kind of children."""
    runner: Callable[[Case], None] = RUNNERS[request.param]
    return runner


async def value(x: int) -> int:
    """Give a value, a turn later."""
    await anyio.lowlevel.checkpoint()
    return x


async def fail() -> None:
    """Fail, a turn later."""
    await anyio.lowlevel.checkpoint()
    raise ValueError("child")


def test_results_come_in_order_with_failures_between(
    run: Callable[[Case], None],
) -> None:
    """A failing child ends no other."""

    async def case() -> None:
        first, second, third = await run_all([value(1), fail(), value(3)])

        assert (first, third) == (1, 3)
        assert isinstance(second, Failed)
        assert isinstance(second.error, ValueError)

    run(case)


@pytest.mark.parametrize("native", [False, True], ids=["scope", "deadline"])
def test_cancelled_children_clean_up_behind_a_shield(
    run: Callable[[Case], None], native: bool
) -> None:
    """They are cancelled, and waited for."""
    log: list[str] = []

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                log.append("clean")

    async def case() -> None:
        if native:
            with anyio.move_on_after(0.001) as scope:
                await run_all([child(), child()])
        else:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(run_all, [child(), child()])
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()

        assert scope.cancelled_caught
        assert log == ["clean", "clean"]

    run(case)


def test_shield_in_a_child_holds(run: Callable[[Case], None]) -> None:
    """What began in it ends; then the child is cancelled."""
    log: list[str] = []

    async def child() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.005)
            log.append("saved")
        await anyio.sleep_forever()

    async def case() -> None:
        with anyio.move_on_after(0.001) as scope:
            await run_all([child(), child()])

        assert scope.cancelled_caught
        assert log == ["saved", "saved"]

    run(case)


def test_child_that_swallows_a_cancellation_is_cancelled_again(
    run: Callable[[Case], None],
) -> None:
    """Levels, not edges."""
    log: list[str] = []

    async def child() -> None:
        cancelled = anyio.get_cancelled_exc_class()
        try:
            await anyio.sleep_forever()
        except cancelled:
            log.append("swallowed")
        await anyio.sleep_forever()

    async def case() -> None:
        with anyio.move_on_after(0.001):
            await run_all([child(), child()])

        assert log == ["swallowed", "swallowed"]

    run(case)


def test_children_see_the_callers_deadline(run: Callable[[Case], None]) -> None:
    """As anyio's own children would."""
    seen: list[float] = []

    async def child() -> None:
        seen.append(anyio.current_effective_deadline())

    async def case() -> None:
        with anyio.fail_after(60) as scope:
            await run_all([child(), child()])
            assert seen == [scope.deadline] * 2

    run(case)


def test_children_of_children_are_cancelled_and_awaited(
    run: Callable[[Case], None],
) -> None:
    """Through two levels."""
    log: list[str] = []

    async def leaf() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("leaf")

    async def branch() -> Any:
        return await run_all([leaf(), leaf()])

    async def case() -> None:
        with anyio.move_on_after(0.001):
            await run_all([branch(), branch()])

        assert log == ["leaf"] * 4

    run(case)


def test_cancelling_the_task_natively_twice_still_waits_for_children() -> None:
    """A second ``task.cancel()`` does not tear us away from them."""
    log: list[str] = []
    entered = asyncio.Event()
    go_on = asyncio.Event()

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                entered.set()
                await go_on.wait()
                log.append("clean")

    async def main() -> None:
        task = asyncio.create_task(run_all([child(), child()]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await entered.wait()
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert log == ["clean", "clean"]


def test_child_that_cancels_itself_has_failed() -> None:
    """Nobody had cancelled it."""

    async def child() -> None:
        raise asyncio.CancelledError

    async def main() -> list[Any]:
        return await run_all([child(), value(1)])

    first, second = asyncio.run(main())

    assert isinstance(first.error, CallbackCancelledError)
    assert second == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_keyboard_interrupt_of_a_child_comes_out_bare(backend: str) -> None:
    """And the others are ended."""

    async def interrupted() -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    async def main() -> None:
        await run_all([anyio.sleep_forever(), interrupted()])

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)


def test_open_children_are_awaited_and_their_fatal_errors_raised(
    run: Callable[[Case], None],
) -> None:
    """What a bus's children do not handle ends all of them, and comes out bare."""
    log: list[str] = []

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        log.append("done")

    async def endless() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    async def case() -> None:
        log.clear()
        children = open_children()
        await children.enter()
        children.start(work(), copy_context())
        assert children.count == 1
        assert not await children.leave(None)

        children = open_children()
        await children.enter()
        children.start(endless(), copy_context())
        children.start(fail(), copy_context())
        with pytest.raises(ValueError, match="child"):
            await children.leave(None)

        assert log == ["done", "ended"]

    run(case)
