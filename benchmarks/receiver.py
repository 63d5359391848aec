"""Verified requests a second, against an empty ASGI app on the same server.

Uvicorn, in a process of its own, serves three apps: one reads the body and answers 202,
one is a receiver that answers when one sync callback is done, and one answers when the
request is on disk. A client here posts 1 KiB as GitHub signs it, 50 at a time to the
first two and 100 at a time to the third.
"""

from __future__ import annotations

__all__ = ("run",)

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from benchmarks.measure import AsyncCase, arace
from benchmarks.results import Result

from upcall.webhooks import Guard, scheme
from upcall.webhooks.transport.post import PostTransport

AT_A_TIME = 50
SENDERS = 100
LIMIT = 0.6
SECRET = "a secret of some length"
BODY = json.dumps({"padding": "x" * 1000}).encode()
LOCAL = Guard(allow=["127.0.0.0/8"], schemes=["http"], ports=None)
DONE = "verified requests, answered when done, against an empty app (rate)"
STORED = "verified requests, answered when stored, 100 senders, likewise"

_SERVER = """
import socket, sys
import uvicorn
from upcall import Bus
from upcall.webhooks import Receiver, Source

async def empty(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202,
                "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})

secret, database = sys.argv[1:]
bus = Bus()
bus.on("github.push", lambda payload: None)
apps = {
    "/empty": empty,
    "/done": Receiver(bus, Source("/done", scheme="github", secret=secret)),
    "/stored": Receiver(
        bus, Source("/stored", scheme="github", secret=secret), store=database
    ),
}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        async with bus, apps["/stored"]:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await apps[scope["path"]](scope, receive, send)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_level="critical", access_log=False, loop="asyncio")
uvicorn.Server(config).run([listener])
"""


def run(quick: bool) -> list[Result]:
    """Post to all three in turn."""
    with tempfile.TemporaryDirectory() as directory, _serving(directory) as port:
        return asyncio.run(_race(port, quick=quick))


@contextlib.contextmanager
def _serving(directory: str) -> Iterator[int]:
    database = f"sqlite:///{Path(directory) / 'inbox.db'}"
    command = [sys.executable, "-c", _SERVER, SECRET, database]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None

        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _race(port: int, *, quick: bool) -> list[Result]:
    numbers = itertools.count()
    signed = scheme("github", secret=SECRET).sign(BODY, id="x", timestamp=0)
    del signed["X-GitHub-Delivery"]
    common = [("content-type", "application/json"), ("x-github-event", "push")]

    async with PostTransport(LOCAL) as client:

        async def post(path: str) -> None:
            identity = ("x-github-delivery", f"{next(numbers)}")
            answer = await client.post(
                f"http://127.0.0.1:{port}{path}",
                headers=[*common, *signed.items(), identity],
                body=BODY,
                timeout=20,
            )
            assert answer.status == 202, answer

        found = await arace(
            {
                "empty": _many(post, "/empty", AT_A_TIME),
                "done": _many(post, "/done", AT_A_TIME),
                "stored": _many(post, "/stored", SENDERS),
            },
            quick=quick,
            rounds=3 if quick else 10,
            sample=0.05 if quick else 0.4,
            clock=time.perf_counter,
        )

    def note(case: str) -> str:
        return f"{1 / found.best(case):.0f}/s against {1 / found.best('empty'):.0f}/s"

    return [
        Result(DONE, found.ratio("empty", "done"), LIMIT, "higher", note("done")),
        Result(STORED, found.ratio("empty", "stored"), note=note("stored")),
    ]


def _many(
    post: Callable[[str], Awaitable[None]], path: str, at_a_time: int
) -> AsyncCase:
    """Make the case that posts so often, so many at a time."""

    async def case(number: int) -> None:
        left = iter(range(number))

        async def sender() -> None:
            for _ in left:
                await post(path)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_a_time):
                group.create_task(sender())

    return case
