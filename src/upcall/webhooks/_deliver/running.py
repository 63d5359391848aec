"""What an open bridge has: its keeper, its tasks, perhaps a transport of its own."""

from __future__ import annotations

__all__ = ("Running",)

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup, TaskStatus

from upcall._loops.loop import Loop
from upcall.webhooks.transport.post import PostTransport

from .deliverer import Deliverer
from .keeping import Keeping


class Running:
    """An open bridge from the inside. Started and ended by one task.

    Args:
        keeping: its keeper.
        transport: closed at the end, if there is one.
        loop: the event loop it all belongs to.
    """

    def __init__(
        self, *, keeping: Keeping, transport: PostTransport | None, loop: Loop
    ) -> None:
        self.keeping = keeping
        self.transport = transport
        self.loop = loop
        self.worker: Deliverer | None = None
        self._group: TaskGroup | None = None

    async def start(
        self, worker: Deliverer | None, watch: Callable[[], Awaitable[None]]
    ) -> None:
        """Start the worker, if there is one, and the watch.

        If that fails, call `end` all the same.
        """
        self._group = group = anyio.create_task_group()
        await group.__aenter__()
        self.worker = worker

        if worker is not None:
            await group.start(_work, worker, group)

        group.start_soon(_await, watch)

    async def end(self, error: BaseException | None) -> bool:
        """End all of it, and return when nothing runs any more.

        Args:
            error: what ended the block. Without one, the worker is stopped; else it is
                cancelled.

        Returns:
            Whether the error has been dealt with, as ``__aexit__`` says it.
        """
        group, self._group = self._group, None

        try:
            return group is not None and await self._end(group, error)
        finally:
            if self.transport is not None:
                with anyio.CancelScope(shield=True):
                    await self.transport.aclose()

    async def _end(self, group: TaskGroup, error: BaseException | None) -> bool:
        # A cancellation is the group's business: it knows whether it is its own. Any
        # other error would come out in a group, and is to come out bare.
        if isinstance(error, anyio.get_cancelled_exc_class()):
            return bool(await group.__aexit__(type(error), error, error.__traceback__))

        if error is None and self.worker is not None:
            self.worker.stop()
        else:
            group.cancel_scope.cancel()

        await group.__aexit__(None, None, None)
        return False


async def _work(
    worker: Deliverer, group: TaskGroup, *, task_status: TaskStatus[None]
) -> None:
    """Run the worker; its end is the end of all that runs beside it."""
    await worker.run(task_status=task_status)
    group.cancel_scope.cancel()


async def _await(work: Callable[[], Awaitable[None]]) -> None:
    await work()
