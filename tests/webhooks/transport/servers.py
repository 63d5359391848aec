"""Servers that behave as they are told, on loopback, down to the byte."""

from __future__ import annotations

__all__ = ("LOCAL", "Behaviour", "Server", "Wire", "canned", "serving")

import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream

from upcall.webhooks.transport.guard import Guard

LOCAL = Guard(allow=["127.0.0.0/8", "::1/128"], schemes=["http"], ports=None)
"""Lets a transport reach these servers."""

GONE = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    OSError,
)


@attrs.define(eq=False)
class Server:
    """A server that runs: where it is, and what it has seen."""

    port: int
    scheme: str = "http"
    connections: int = 0
    gone: int = 0
    requests: list[tuple[Any, bytes]] = attrs.field(factory=list)
    """Head and body of each request that was read whole."""

    changed: anyio.Event = attrs.field(factory=anyio.Event)

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hooks?a=1"

    def note(self) -> None:
        """Wake whoever waits for something to happen here."""
        self.changed.set()
        self.changed = anyio.Event()

    async def wait(self, condition: Callable[[Server], bool]) -> None:
        """Return once the condition holds."""
        with anyio.fail_after(30):
            while not condition(self):
                await self.changed.wait()


@attrs.define(eq=False)
class Wire:
    """The server's end of one connection."""

    stream: ByteStream
    server: Server
    number: int
    """The first connection of the server has 1."""

    async def read(self) -> tuple[bytes, bytes]:
        """Read one request, head and body."""
        received = bytearray()

        while b"\r\n\r\n" not in received:
            received += await self.stream.receive()

        head, _, body = bytes(received).partition(b"\r\n\r\n")
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        length = int(found[1]) if found else 0

        while len(body) < length:
            body += await self.stream.receive()

        self.server.requests.append((head, body))
        self.server.note()
        return head, body

    async def send(self, *parts: bytes) -> None:
        """Send each part as a segment of its own."""
        for part in parts:
            await self.stream.send(part)
            await anyio.lowlevel.checkpoint()

    def reset(self) -> None:
        """See to it that closing sends a reset (RST) and no proper end."""
        raw = self.stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Behaviour = Callable[[Wire], Awaitable[None]]
"""What a server does with each of its connections."""


def canned(*parts: bytes, close: bool = False) -> Behaviour:
    """Answer every request with these parts, and close the connection or not."""

    async def behave(wire: Wire) -> None:
        while True:
            await wire.read()
            await wire.send(*parts)

            if close:
                return

    return behave


@asynccontextmanager
async def serving(
    behaviour: Behaviour | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Run a server; by default it answers 204 to everything."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    port = listener.extra(SocketAttribute.local_port)
    server = Server(port, "http" if tls is None else "https")
    told = behaviour or canned(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def serve(plain: SocketStream) -> None:
        server.connections += 1
        wire = Wire(plain, server, server.connections)
        server.note()

        try:
            async with plain:
                if tls is not None:
                    wire.stream = await _encrypt(plain, tls)

                await told(wire)
        except GONE:
            pass  # the client has left: that is its right
        finally:
            server.gone += 1
            server.note()

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)

        try:
            yield server
        finally:
            group.cancel_scope.cancel()


async def _encrypt(plain: SocketStream, context: ssl.SSLContext) -> TLSStream:
    return await TLSStream.wrap(
        plain, server_side=True, ssl_context=context, standard_compatible=False
    )
