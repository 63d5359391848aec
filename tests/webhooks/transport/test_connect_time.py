"""The time for connecting, shared out among the addresses, on a virtual clock."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import attrs
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.events.virtual import LOOPS, Backend, backend
from tests.webhooks.transport.names import Names
from tests.webhooks.transport.servers import LOCAL

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.connect import Connector, Progress
from upcall.webhooks.transport.opened import Opened

TARGET = Target(scheme="http", host="hooks.example", port=80, path="/")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Run on loops whose clocks jump."""
    return backend(request.param)


class Nothing(ByteStream):
    """A stream that nobody uses."""

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {
            SocketAttribute.raw_socket: lambda: socket.socket.__new__(socket.socket)
        }

    async def send(self, item: bytes) -> None:
        raise NotImplementedError

    async def receive(self, max_bytes: int = 65536) -> bytes:
        raise NotImplementedError

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


@attrs.frozen(kw_only=True, eq=False)
class Hanging(Connector):
    """Hangs at every address but one, wherever: in connecting or in the handshake."""

    good: str
    tried: list[tuple[str, float]] = attrs.field(factory=list)

    async def _open(self, target: Target, address: str) -> Opened:
        self.tried.append((address, anyio.current_time()))

        if address != self.good:
            await anyio.sleep_forever()

        return Opened(Nothing(), address)


def _connector(*addresses: str, good: str = "") -> Hanging:
    names = Names(list(addresses))
    return Hanging(guard=LOCAL, resolver=names, ssl_context=None, timeout=12, good=good)


async def test_the_addresses_share_the_time_for_connecting() -> None:
    """One that hangs leaves as much for each that follows."""
    connector = _connector("127.0.0.2", "127.0.0.3", "127.0.0.1", good="127.0.0.1")
    began = anyio.current_time()

    opened = await connector.connect(TARGET, Progress())

    assert opened.address == "127.0.0.1"
    assert [(address, round(at - began, 3)) for address, at in connector.tried] == [
        ("127.0.0.2", 0),
        ("127.0.0.3", 4),
        ("127.0.0.1", 8),
    ]


async def test_when_all_of_them_hang_the_time_is_over_once() -> None:
    """And not once for each; the last one is named."""
    began = anyio.current_time()

    with pytest.raises(TransportError, match="no connection within") as caught:
        await _connector("127.0.0.2", "127.0.0.3").connect(TARGET, Progress())

    assert caught.value.kind == "timeout"
    assert caught.value.address == "127.0.0.3"
    assert anyio.current_time() - began == pytest.approx(12)


async def test_what_the_lookup_takes_is_no_longer_there() -> None:
    """It is one time for both."""
    connector = _connector("127.0.0.2", "127.0.0.1", good="127.0.0.1")
    answer = connector.resolver

    async def late(host: str, port: int) -> Any:
        await anyio.sleep(8)
        return await answer(host, port)

    began = anyio.current_time()
    connector = attrs.evolve(connector, resolver=late)

    await connector.connect(TARGET, Progress())

    assert [round(at - began, 3) for _, at in connector.tried] == [8, 10]
