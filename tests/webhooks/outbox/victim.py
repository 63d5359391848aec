"""A process that emits and delivers, to be killed: see test_kill.

Usage: python victim.py DIRECTORY NAME emit|drain asyncio|trio

It appends the id of each event to the file "accepted" once `aemit` has returned, and to
"delivered" when a request was made, by single writes that survive a SIGKILL.
"""

from __future__ import annotations

__all__ = ()

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from upcall import Bus
from upcall.webhooks import Bridge, Endpoint
from upcall.webhooks._proto.answer import Answer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # a public example, of no value


class Journal:
    """A file of ids."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, id: str) -> None:
        """Append one id."""
        os.write(self._descriptor, f"{id}\n".encode())


class JournalTransport:
    """Writes down what it is given to send; now and then it answers 503."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._number = itertools.count()

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 (as the contract has it)
    ) -> Answer:
        await anyio.lowlevel.checkpoint()

        if next(self._number) % 29 == 0:
            return Answer(status=503)

        self._journal.add(dict(headers)["webhook-id"])
        return Answer(status=204)

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


async def emit(bus: Bus, name: str, accepted: Journal) -> None:
    """Emit for ever, and write down what was accepted."""
    for number in itertools.count():
        key = f"{name}-{number}"
        await bus.aemit("order.paid", {"number": number}, id=key)
        accepted.add(key)
        print(key, flush=True)  # noqa: T201 (it paces the test)


async def drain(bridge: Bridge) -> None:
    """Return when all has been delivered."""
    while True:
        found = await bridge.statistics()

        if found.waiting == found.claimed == 0:
            return

        await anyio.sleep(0.01)


async def main(directory: Path, name: str, mode: str) -> None:
    """Open the outbox, and do as told."""
    transport = JournalTransport(Journal(directory / "delivered"))
    accepted = Journal(directory / "accepted")
    outbox = f"sqlite:///{directory}/outbox.db"

    async with (
        Bus() as bus,
        Bridge(bus, outbox, transport=transport, schedule=[0.01] * 50) as bridge,
    ):
        await bridge.add(
            Endpoint(
                id="one",
                url="https://one.example/",
                events="**",
                secret=SECRET,
                concurrency=20,
            )
        )

        if mode == "drain":
            await drain(bridge)
            return

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(emit, bus, f"{name}-{number}", accepted)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3], backend=sys.argv[4])
