"""SIGTERM: how a command that runs for a while is ended by others."""

# Ctrl-C needs nothing of this: the loops make a cancellation of it by themselves.

from __future__ import annotations

__all__ = ("TerminatedError", "ended_by_sigterm")

import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager

import anyio


class TerminatedError(Exception):
    """SIGTERM has ended the command; everything has been put away."""


@asynccontextmanager
async def ended_by_sigterm() -> AsyncGenerator[None]:
    """Cancel the block at SIGTERM, and wait until it has put everything away.

    For the main thread. Where there is no such signal (on Windows) it does nothing.

    Raises:
        TerminatedError: after the block, if the signal has come.
    """
    if sys.platform == "win32":  # pragma: no cover (Windows)
        yield
        return

    came = False

    async def heed(signals: AsyncIterable[signal.Signals]) -> None:
        nonlocal came

        async for _ in signals:
            came = True
            group.cancel_scope.cancel()

    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:
            group.start_soon(heed, signals)
            yield
            group.cancel_scope.cancel()

    if came:
        raise TerminatedError
