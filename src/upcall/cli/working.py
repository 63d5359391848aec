"""The command that runs a worker, until a signal ends it."""

# Rule 1: the first signal stops the worker, in order, and that is success. One that
#   comes before it has started, or while it stops, cancels it.

from __future__ import annotations

__all__ = ("run_worker",)

import logging
import signal
import sys
from collections.abc import AsyncIterable
from typing import Final

import anyio
import click
from anyio.abc import TaskStatus

from upcall.errors import UpcallError
from upcall.webhooks import Guard, Outbox, Worker

from .opened import ManagedOutbox
from .signals import TerminatedError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def run_worker(which: ManagedOutbox, *, slots: int, guard: Guard) -> int:
    """Deliver until Ctrl-C or SIGTERM; what is in flight has five seconds to finish.

    Raises:
        UpcallError: if the outbox cannot be opened.
        KeyboardInterrupt: Ctrl-C came before it had started, or again.
        TerminatedError: so did SIGTERM.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    outbox = which.make()
    watched = _Watched(Worker(outbox, guard=guard, slots=slots), outbox)

    if sys.platform == "win32":  # pragma: no cover (no such signals for loops there)
        await watched.run()
        return 0

    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        await watched.run_until(signals)

    return 0


class _Watched(TaskStatus[None]):
    """A worker, told of signals. Is told by it when it has started."""

    def __init__(self, worker: Worker, outbox: Outbox) -> None:
        self._worker = worker
        self._outbox = outbox
        self._has_started = False
        self._ended_by: signal.Signals | None = None

    def started(self, value: None = None) -> None:
        del value
        self._has_started = True
        click.echo(f"delivering from {self._outbox!r}", err=True)

    async def run(self) -> None:
        """Deliver until it is stopped."""
        await self._worker.run(task_status=self)

    async def run_until(self, signals: AsyncIterable[signal.Signals]) -> None:
        """Deliver until a signal stops it."""
        failed: UpcallError | None = None

        async with anyio.create_task_group() as group:
            group.start_soon(self._heed, signals, group.cancel_scope)

            try:
                await self.run()
            except UpcallError as error:  # raised below, outside of the group
                failed = error

            group.cancel_scope.cancel()

        if failed is not None:
            raise failed

        if self._ended_by is not None:
            is_ours = self._ended_by is signal.SIGTERM
            raise TerminatedError if is_ours else KeyboardInterrupt

    async def _heed(
        self, signals: AsyncIterable[signal.Signals], running: anyio.CancelScope
    ) -> None:
        stopping = False

        async for each in signals:
            if stopping or not self._has_started:
                self._ended_by = each
                running.cancel()
                return

            click.echo("stopping", err=True)
            self._worker.stop()
            stopping = True
