"""A connection whose stream fails at the worst moment."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.webhooks.transport.behaviours import OK

from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.connection import Connection, SilentCloseError
from upcall.webhooks.transport.opened import Opened


class Scripted(ByteStream):
    """Does what it is told: bytes are received, exceptions are raised."""

    def __init__(
        self,
        raw: socket.socket,
        *received: bytes | Exception,
        sending: Exception | None = None,
    ) -> None:
        self._raw = raw
        self._received = list(received)
        self._sending = sending

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {SocketAttribute.raw_socket: lambda: self._raw}

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint()

        if self._sending is not None:
            raise self._sending

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint()
        found = self._received.pop(0)

        if isinstance(found, Exception):
            raise found

        return found

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._raw.close()


@pytest.fixture(name="raw")
def _raw() -> Iterator[socket.socket]:
    one, other = socket.socketpair()
    yield one
    one.close()
    other.close()


def _connection(raw: socket.socket, *script: Any, **more: Any) -> Connection:
    opened = Opened(Scripted(raw, *script, **more), "192.0.2.1")
    return Connection(opened, keep=64)


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    "error", [anyio.BrokenResourceError(), anyio.ClosedResourceError(), OSError("gone")]
)
async def test_an_early_answer_counts_though_sending_failed(
    raw: socket.socket, size: int, error: Exception
) -> None:
    """But nothing follows on this connection."""
    connection = _connection(raw, OK, sending=error)

    answer = await connection.exchange(b"x" * size)

    assert answer.status == 204
    assert not connection.reusable


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    "error", [anyio.BrokenResourceError(), anyio.EndOfStream(), OSError("gone")]
)
async def test_an_end_before_any_byte_is_told_apart(
    raw: socket.socket, size: int, error: Exception
) -> None:
    """Only then may the same request go out once more."""
    with pytest.raises(SilentCloseError):
        await _connection(raw, error).exchange(b"x" * size)

    with pytest.raises(TransportError) as caught:
        await _connection(raw, b"H", error).exchange(b"x" * size)

    assert not isinstance(caught.value, SilentCloseError)
    assert caught.value.kind == "broken"


async def test_an_error_of_tls_is_one_whenever_it_comes(raw: socket.socket) -> None:
    """A server that wants a certificate says so after the handshake (TLS 1.3)."""
    with pytest.raises(TransportError, match="certificate required") as caught:
        await _connection(raw, ssl.SSLError("certificate required")).exchange(b"x")

    assert caught.value.kind == "tls"
    assert not isinstance(caught.value, SilentCloseError)


async def test_a_full_chunk_may_hide_more(raw: socket.socket) -> None:
    """What the stream cut off is still in it, and would be read as an answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    length = 65536 - len(head % 10000)
    connection = _connection(raw, (head % length).ljust(65536, b"x"))

    assert (await connection.exchange(b"x")).status == 200
    assert not connection.reusable


async def test_a_connection_that_is_closed_is_not_quiet(raw: socket.socket) -> None:
    """Nor is one that the other side has closed, or has sent something on."""
    assert _connection(raw).is_quiet()

    connection = _connection(raw)
    await connection.close()

    assert not connection.is_quiet()
