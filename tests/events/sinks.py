"""Where the loop tells of failures that have no caller, listened to in a test."""

from __future__ import annotations

__all__ = ("Failures", "failures_of_loop")

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio


class Failures(logging.Handler):
    """The failures that the running loop was told of."""

    def __init__(self) -> None:
        super().__init__()
        self._told: list[BaseException] = []
        self._more = anyio.Event()

    def add(self, error: BaseException | None) -> None:
        assert error is not None
        self._told.append(error)
        self._more.set()
        self._more = anyio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is not None
        self.add(record.exc_info[1])

    async def wait_for(self, count: int) -> list[BaseException]:
        """Wait until there are that many."""
        while len(self._told) < count:
            await self._more.wait()

        return self._told


@contextmanager
def failures_of_loop() -> Iterator[Failures]:
    """Have them: of asyncio's exception handler, or of our logger on trio."""
    failures = Failures()

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        logger = logging.getLogger("upcall")
        logger.addHandler(failures)
        yield failures
        logger.removeHandler(failures)
        return

    def handle(_: object, context: dict[str, Any]) -> None:
        failures.add(context["exception"])

    before = loop.get_exception_handler()
    loop.set_exception_handler(handle)
    yield failures
    loop.set_exception_handler(before)
