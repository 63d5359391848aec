"""The guarded POST: its rate against aiohttp's, and what idle connections cost it."""

from __future__ import annotations

__all__ = ("run",)

import asyncio
import importlib.util
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
from benchmarks.measure import AsyncCase, arace
from benchmarks.results import Result, skipped
from benchmarks.serving import serving

from upcall.webhooks.transport.guard import Guard
from upcall.webhooks.transport.post import PostTransport

AT_A_TIME = 50
IDLE = 200
BODY = b"x" * 1024
HEADERS = [
    ("content-type", "application/json"),
    ("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
    ("webhook-timestamp", "1760000000"),
    ("webhook-signature", "v1,jMctKlOnVfRS7obfqZLxAKE2Pz3qIRYB1kd80hc2zpg="),
]
LOCAL = Guard(allow=["127.0.0.0/8"], schemes=["http"], ports=None)

RATE = "guarded POST, 50 at a time, against aiohttp (rate)"
CPU = "its CPU with 200 idle connections, against none"


def run(quick: bool) -> list[Result]:
    """Measure on asyncio, against a bare server in another process."""
    with serving(1 + IDLE) as ports:
        return [
            asyncio.run(_rate(ports[0], quick=quick)),
            asyncio.run(_idle(ports, quick=quick)),
        ]


async def _rate(port: int, *, quick: bool) -> Result:
    if importlib.util.find_spec("aiohttp") is None:
        return skipped(RATE, "needs aiohttp, which is not installed", limit=0.8)

    import aiohttp  # noqa: PLC0415 (only here, and only if it is there)

    url = f"http://127.0.0.1:{port}/hooks"
    headers = dict(HEADERS)
    connector = aiohttp.TCPConnector(limit=AT_A_TIME)

    async with (
        PostTransport(LOCAL) as ours,
        aiohttp.ClientSession(connector=connector) as theirs,
    ):

        async def guarded() -> None:
            await ours.post(url, headers=HEADERS, body=BODY, timeout=20)

        async def bare() -> None:
            async with theirs.post(url, data=BODY, headers=headers) as answer:
                await answer.read()

        # Both processes have a part in a rate, so it is taken by the clock on the wall.
        found = await arace(
            {"ours": _many(guarded), "aiohttp": _many(bare)},
            quick=quick,
            rounds=3 if quick else 15,
            sample=0.05 if quick else 0.4,
            clock=time.perf_counter,
        )

    note = (
        f"{1 / found.best('ours'):.0f}/s against {1 / found.best('aiohttp'):.0f}/s; "
        f"median of rounds {1 / found.median('ours', 'aiohttp'):.2f}"
    )
    ratio = found.ratio("aiohttp", "ours")
    return Result(RATE, ratio, 0.8, better="higher", note=note)


async def _idle(ports: list[int], *, quick: bool) -> Result:
    busy, *others = [f"http://127.0.0.1:{port}/hooks" for port in ports]

    async with (
        PostTransport(LOCAL) as alone,
        PostTransport(LOCAL, idle_expiry=3600) as among,
    ):
        for url in others:
            await among.post(url, headers=HEADERS, body=BODY, timeout=20)

        found = await arace(
            {"alone": _posts(alone, busy), "among": _posts(among, busy)},
            quick=quick,
            sample=0.02 if quick else 0.2,
        )

    return found.result(CPU, "among", "alone", 1.8)


def _posts(transport: PostTransport, url: str) -> AsyncCase:
    async def post() -> None:
        await transport.post(url, headers=HEADERS, body=BODY, timeout=20)

    return _many(post)


def _many(post: Callable[[], Awaitable[Any]]) -> AsyncCase:
    """Make the case of so many POSTs, fifty at a time."""

    async def worker(left: Iterator[int]) -> None:
        for _ in left:
            await post()

    async def case(number: int) -> None:
        left = iter(range(number))

        async with anyio.create_task_group() as group:
            for _ in range(min(number, AT_A_TIME)):
                group.start_soon(worker, left)

    return case
