"""A process that receives, answers and emits, to be killed: see test_kill.

Usage: python victim.py DIRECTORY URL NAME receive|drain asyncio|trio

It appends the id of each request to the file "answered" when its answer was 202, and
"id envelope" to "heard" when its callback was called to the end, by single writes that
survive a SIGKILL.
"""

from __future__ import annotations

__all__ = ()

import hmac
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
from sqlalchemy import NullPool, create_engine, text

from upcall import Bus, Envelope
from upcall.webhooks import Receiver, Source

SECRET = "a secret of no value"
SENDERS = 5
FAILS_EVERY = 17
"""One callback in so many raises, and all of the emission is made again."""
OPEN = text("SELECT count(*) FROM upcall_request WHERE state IN ('waiting', 'claimed')")


class Journal:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, line: str) -> None:
        """Append one line."""
        os.write(self._descriptor, f"{line}\n".encode())


async def post(receiver: Receiver, guid: str) -> int:
    """Make a request as GitHub does, and return the status."""
    body = b'{"guid":"%s"}' % guid.encode()
    digest = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def answer(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/github",
        "headers": [
            (b"content-type", b"application/json"),
            (b"x-github-event", b"push"),
            (b"x-github-delivery", guid.encode()),
            (b"x-hub-signature-256", b"sha256=" + digest.encode()),
        ],
    }
    await receiver(scope, receive, answer)
    return statuses[0]


async def send(receiver: Receiver, name: str, answered: Journal) -> None:
    """Send requests for ever, some of them twice; write down what was answered for."""
    for number in itertools.count():
        guid = f"{name}-{number}"

        for _ in range(1 + (number % 5 == 0)):
            if await post(receiver, guid) == 202:
                answered.add(guid)
                print(guid, flush=True)  # noqa: T201 (it paces the test)


async def drain(url: str) -> None:
    """Return when all has been emitted.

    One statement looks for both states: between two, a request can go from either into
    the other, and be seen in none.
    """
    engine = create_engine(url, poolclass=NullPool)

    def is_done() -> bool:
        with engine.connect() as connection:
            return not connection.execute(OPEN).scalar_one()

    while not await anyio.to_thread.run_sync(is_done):  # noqa: ASYNC110 (none tells us)
        await anyio.sleep(0.02)


async def main(directory: Path, url: str, name: str, mode: str) -> None:
    """Open the receiver, and do as told."""
    heard, answered = Journal(directory / "heard"), Journal(directory / "answered")
    number = itertools.count(1)
    bus = Bus(on_error=lambda *_: None)

    async def hear(envelope: Envelope[Any]) -> None:
        await anyio.lowlevel.checkpoint()

        if next(number) % FAILS_EVERY == 0:
            raise ConnectionError("now and then")

        heard.add(f"{envelope.payload['guid']} {envelope.id}")

    bus.on("github.push", hear, envelope=True)
    source = Source("/github", scheme="github", secret=SECRET)
    receiver = Receiver(bus, source, store=url, schedule=[0.0, *[0.01] * 200])

    async with bus, receiver:
        if mode == "drain":
            await drain(url)
            return

        async with anyio.create_task_group() as group:
            for each in range(SENDERS):
                group.start_soon(send, receiver, f"{name}-{each}", answered)


if __name__ == "__main__":
    _, where, *given, backend = sys.argv
    anyio.run(main, Path(where), given[0], given[1], given[2], backend=backend)
