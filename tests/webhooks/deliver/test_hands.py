"""Checks of the tasks that go on from one piece of work to the next."""

from __future__ import annotations

__all__ = ()

import anyio
import pytest
from anyio.lowlevel import checkpoint

from upcall._loops.which import current_loop
from upcall.webhooks._deliver.hands import Hands


async def test_tasks_go_on_and_never_let_work_wait() -> None:
    """As many as there is work at a time; the next pieces are done by the same ones."""
    seen: list[tuple[int, int]] = []
    gate = anyio.Event()

    async def do(work: int) -> None:
        seen.append((work, anyio.get_current_task().id))
        await gate.wait()

    async with anyio.create_task_group() as group:
        hands = Hands(group, loop=current_loop(), do=do)

        for work in range(3):
            hands.start(work)

        await anyio.wait_all_tasks_blocked()
        first = {task for _, task in seen}
        gate.set()
        await anyio.wait_all_tasks_blocked()

        for work in range(3, 6):
            hands.start(work)

        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert sorted(work for work, _ in seen) == [0, 1, 2, 3, 4, 5]
    assert len(first) == 3
    assert {task for _, task in seen} == first


async def test_what_the_work_raises_ends_the_group() -> None:
    """It is the one who made the group that hears of it."""

    async def do(work: str) -> None:
        await checkpoint()
        raise ValueError(work)

    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            Hands(group, loop=current_loop(), do=do).start("bad")

    assert [str(each) for each in caught.value.exceptions] == ["bad"]
