"""The command that runs a worker, until a signal ends it."""

# Rule 1: the first signal stops the worker, in order, and that is success. One that
#   comes before it has started, or while it stops, ends it at once.

from __future__ import annotations

__all__ = ("run_worker",)

import logging
import signal
from collections.abc import AsyncIterable
from typing import Final

import anyio
import click

from upcall.errors import UpcallError
from upcall.webhooks import Guard, Worker

from .opened import ManagedOutbox
from .signals import TerminatedError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def run_worker(which: ManagedOutbox, *, slots: int, guard: Guard) -> int:
    """Deliver until Ctrl-C or SIGTERM; what is in flight has five seconds to finish.

    Raises:
        UpcallError: if the outbox cannot be opened.
        KeyboardInterrupt: Ctrl-C came before it had started, or twice.
        TerminatedError: likewise SIGTERM.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    outbox = which.make()
    worker = Worker(outbox, guard=guard, slots=slots)
