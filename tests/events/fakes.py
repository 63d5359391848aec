"""For tests: async callbacks that go on when they are told to."""

from __future__ import annotations

__all__ = ("Worker", "settle")

import anyio


class Worker:
    """An async callback that waits, with each payload, until the test lets it go on.

    Attributes:
        log: what has happened: ``+1`` (payload 1 began), ``-1`` (it ended) and ``x1``
            (it was cancelled).
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self._gates: dict[object, anyio.Event] = {}

    async def __call__(self, payload: int) -> int:
        self.log.append(f"+{payload}")

        try:
            await self._gate(payload).wait()
        except BaseException:
            self.log.append(f"x{payload}")
            raise

        self.log.append(f"-{payload}")
        return payload

    def let_go(self, *payloads: int) -> None:
        """Let the runs with these payloads end, now or when they come."""
        for payload in payloads:
            self._gate(payload).set()

    def _gate(self, payload: int) -> anyio.Event:
        return self._gates.setdefault(payload, anyio.Event())


async def settle() -> None:
    """Let everything run that can."""
    await anyio.wait_all_tasks_blocked()
