"""The demo: webhooks in, events, callbacks of each style, webhooks out, none lost."""

from __future__ import annotations

__all__ = ("Demo", "run_demo")

import contextlib
import secrets
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
import anyio.lowlevel
import click
from cryptography.fernet import Fernet

from upcall._events.bus import Bus
from upcall._promises.promise import Promise
from upcall.webhooks import (
    Bridge,
    Endpoint,
    Guard,
    Outbox,
    Receiver,
    Source,
    new_secret,
    scheme,
)
from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.codec import JSON
from upcall.webhooks.transport.post import PostTransport

from .endpoint import DemoEndpoint
from .payload import Payload, read_payloads
from .servers import Backend, check_backend, listen, serving
from .signals import ended_by_sigterm
from .tally import Progress, Tally

SCHEDULE: Final = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Seconds before each attempt: a real schedule, in a hurry."""

PATIENCE: Final = 15.0
"""Seconds in which nothing comes out, after which the rest counts as lost."""

_AT_ONCE: Final = 8
_TICK: Final = 0.1
_LARGEST: Final = 25 << 20
_GUARD: Final = Guard(allow=["127.0.0.0/8"], schemes={"http"}, ports=None)
_OPTIONS: Final[Mapping[Backend, dict[str, Any]]] = {
    "asyncio": {},
    # Else a Ctrl-C might come out in the middle of a server, which would hide it.
    "trio": {"restrict_keyboard_interrupt_to_checkpoints": True},
}


def run_demo(folder: Path, *, backend: Backend, ports: tuple[int, int]) -> int:
    """Run the demo, and print what came of it.

    Args:
        folder: whose payloads are posted.
        backend: the event loop to run on.
        ports: of the receiver and the endpoint; 0 for a free one.

    Returns:
        The exit status: 0 if every event came through whole and once, else 1.

    Raises:
        click.ClickException: if a payload is bad, or a port or a server cannot be had.
    """
    check_backend(backend)
    demo = Demo(read_payloads(folder), backend=backend)

    with (
        listen(ports[0], "--receiver-port") as receiver,
        listen(ports[1], "--endpoint-port") as endpoint,
        contextlib.closing(demo.progress),
    ):
        anyio.run(
            demo.run,
            receiver,
            endpoint,
            backend=backend,
            backend_options=_OPTIONS[backend],
        )

    click.echo(demo.tally.table())
    return 0 if demo.tally.is_whole else 1


class Demo:
    """One run of the demo."""

    def __init__(self, payloads: Sequence[Payload], *, backend: Backend) -> None:
        self.tally: Tally = Tally(posted=len(payloads))
        self.progress: Progress = Progress(sys.stderr)
        self._payloads = payloads
        self._backend: Backend = backend
        self._github = secrets.token_hex(16)
        self._secret = new_secret()
        self._endpoint = DemoEndpoint(self._secret)

    async def run(self, receiver_door: socket, endpoint_door: socket) -> None:
        """Serve on these sockets, post all payloads, and count what comes out."""
        with TemporaryDirectory(prefix="upcall-demo-") as folder:
            async with (
                ended_by_sigterm(),
                serving(self._endpoint, endpoint_door, self._backend) as endpoint_url,
                Bus() as bus,
                Bridge(
                    bus,
                    Outbox(
                        f"sqlite:///{folder}/outbox.db", keys=[Fernet.generate_key()]
                    ),
                    guard=_GUARD,
                    schedule=SCHEDULE,
                    max_payload=_LARGEST,
                ) as bridge,
                anyio.create_task_group() as group,
            ):
                self._subscribe(bus)
                await bridge.add(
                    Endpoint(
                        url=endpoint_url, events=["github.**"], secret=self._secret
                    )
                )
                group.start_soon(self._show_progress)
                source = Source(
                    "/github",
                    scheme="github",
                    secret=self._github,
                    pings="emit",  # every payload is to be seen at the other end
                )

                async with serving(
                    Receiver(bus, [source]), receiver_door, self._backend
                ) as receiver_url:
                    self.progress.say(
                        f"receiver at {receiver_url}, endpoint at {endpoint_url}"
                    )
                    await self._post_all(f"{receiver_url}/github")

                await self._wait_for(bridge)
                await self._count(bridge)
                self._show()
                group.cancel_scope.cancel()

    def _subscribe(self, bus: Bus) -> None:
        tally = self.tally

        def in_sync(_: object) -> None:
            tally.sync += 1

        async def in_async(_: object) -> None:
            await anyio.lowlevel.checkpoint()
            tally.async_ += 1

        def in_a_chain(payload: dict[str, Any]) -> Promise[None]:
            return Promise.resolve(payload).then(len).then(count)

        def count(_: int) -> None:
            tally.chains += 1

        for callback in (in_sync, in_async, in_a_chain):
            bus.on("github.**", callback)

    async def _post_all(self, url: str) -> None:
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async with (
            PostTransport(_GUARD) as transport,
            anyio.create_task_group() as group,
        ):
            for payload in self._payloads:
                await limiter.acquire_on_behalf_of(payload)
                group.start_soon(self._post, transport, url, payload, limiter)

    async def _post(
        self,
        transport: PostTransport,
        url: str,
        payload: Payload,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        try:
            answer = await transport.post(
                url, headers=self._headers(payload), body=payload.body, timeout=10.0
            )
        except TransportError as error:
            self.progress.say(f"{payload.file}: the receiver did not answer: {error}")
        else:
            self._note(payload, answer.status)
        finally:
            limiter.release_on_behalf_of(payload)

    def _headers(self, payload: Payload) -> list[tuple[str, str]]:
        """Sign a payload as GitHub does, under a GUID of its own."""
        signed = scheme("github", self._github).sign(
            payload.body, id=str(uuid.uuid4()), timestamp=time.time()
        )
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", "GitHub-Hookshot/upcall-demo"),
            ("X-GitHub-Event", payload.event),
            *signed.items(),
        ]

    def _note(self, payload: Payload, status: int) -> None:
        if status == HTTPStatus.ACCEPTED:
            self.tally.events += 1
        else:
            self.progress.say(f"{payload.file}: the receiver answered {status}")

    async def _wait_for(self, bridge: Bridge) -> None:
        """Wait until no delivery is on its way, or nothing comes out any more."""
        out = 0

        with anyio.move_on_after(PATIENCE) as scope:
            while (counts := await bridge.statistics()).waiting + counts.claimed:
                if counts.delivered > out:
                    out = counts.delivered
                    scope.deadline = anyio.current_time() + PATIENCE

                await anyio.sleep(_TICK)

    async def _count(self, bridge: Bridge) -> None:
        """Compare what came out with what was posted, and read the attempt record."""
        posted = Counter(_as_sent(payload) for payload in self._payloads)
        came = Counter(self._endpoint.handled.values())
        deliveries = await bridge.deliveries(limit=len(self._payloads))
        self.tally.lost = (posted - came).total()
        self.tally.duplicates = (came - posted).total()
        self.tally.deliveries = len(deliveries)
        self.tally.attempts = sum(delivery.attempts for delivery in deliveries)

    async def _show_progress(self) -> None:
        while True:
            self._show()
            await anyio.sleep(_TICK)

    def _show(self) -> None:
        self.progress.show(
            f"{self.tally.events} of {self.tally.posted} events in, "
            f"{len(self._endpoint.handled)} out, "
            f"{self._endpoint.failed} attempts refused"
        )


def _as_sent(payload: Payload) -> bytes:
    """Return what the endpoint makes of a payload that came through unharmed."""
    return JSON.encode([f"github.{payload.event}", JSON.decode(payload.body)])
