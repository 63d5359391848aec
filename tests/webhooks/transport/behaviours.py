"""What rude servers do, each behaviour a function that is told a connection."""

from __future__ import annotations

__all__ = (
    "OK",
    "byte_by_byte",
    "closes_its_half",
    "closes_without_a_word",
    "drips",
    "endless",
    "greet",
    "head",
    "never_answers",
    "once",
    "reads_a_little",
    "reads_nothing",
    "then_dies",
)

import anyio
from tests.webhooks.transport.servers import Behaviour, Wire

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def head(status: str, *fields: str) -> bytes:
    """Write the head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1")


def once(*parts: bytes) -> Behaviour:
    """Answer the first request like this on any connection, then 204."""

    async def behave(wire: Wire) -> None:
        await wire.read()
        await wire.send(*parts)

        while True:
            await wire.read()
            await wire.send(OK)

    return behave


def greet(*parts: bytes, close: bool = True) -> Behaviour:
    """Speak before anything was asked."""

    async def behave(wire: Wire) -> None:
        await wire.send(*parts)

        if not close:
            await anyio.sleep_forever()

    return behave


def endless(head: bytes, part: bytes) -> Behaviour:
    """Begin well, and never come to an end."""

    async def behave(wire: Wire) -> None:
        await wire.read()
        await wire.send(head)

        while True:
            await wire.send(part)

    return behave


def then_dies(last: bytes = b"", *, reset: bool = False) -> Behaviour:
    """Serve one request; read a second on the same connection, and die of it."""

    async def behave(wire: Wire) -> None:
        await wire.read()
        await wire.send(OK)

        if wire.number > 1:
            await anyio.sleep_forever()

        await wire.read()
        await wire.send(last)

        if reset:
            wire.reset()

    return behave


async def drips(wire: Wire) -> None:
    """Send a byte now and then."""
    await wire.read()
    await wire.send(head("200 OK", "Content-Length: 100000"))

    while True:
        await wire.send(b"x")
        await anyio.sleep(0.002)


async def reads_nothing(wire: Wire) -> None:
    """Answer before anything was read, and never read."""
    await wire.send(head("413 Content Too Large", "Content-Length: 0"))
    await anyio.sleep_forever()


async def reads_a_little(wire: Wire) -> None:
    """Answer after ten bytes, and close."""
    await wire.stream.receive(10)
    await wire.send(head("413 Content Too Large", "Content-Length: 0"))


async def never_answers(wire: Wire) -> None:
    """Read, and keep silent."""
    await wire.read()
    await anyio.sleep_forever()


async def byte_by_byte(wire: Wire) -> None:
    """Answer, one byte a segment."""
    while True:
        await wire.read()
        text = head("200 OK", "Content-Length: 2", "X: y") + b"ok"
        await wire.send(*(text[i : i + 1] for i in range(len(text))))


async def closes_without_a_word(wire: Wire) -> None:
    """Answer as if the connection were kept, and close it."""
    await wire.read()
    await wire.send(OK)


async def closes_its_half(wire: Wire) -> None:
    """Answer, say no more, and go on reading."""
    await wire.read()
    await wire.send(OK)
    await wire.stream.send_eof()

    while True:
        await wire.stream.receive()
