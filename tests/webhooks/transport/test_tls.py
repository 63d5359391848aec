"""TLS: the right name under a known authority, or nothing is sent."""

from __future__ import annotations

import ssl

import pytest
from tests.webhooks.transport.authority import Authority
from tests.webhooks.transport.kinds import Guarded, Kind
from tests.webhooks.transport.names import Names
from tests.webhooks.transport.servers import Wire, serving

from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.guard import Guard

LOCAL = Guard(allow=["127.0.0.0/8"], ports=None)
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_authorities_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine trusts besides is not what these tests are about."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority; making keys takes a while."""
    return Authority()


def _transport(kind: Kind, authority: Authority, *addresses: str) -> Guarded:
    names = Names(list(addresses) or ["127.0.0.1"])
    return kind(LOCAL, ssl_context=authority.client(), resolver=names)


async def test_the_right_name_under_a_known_authority(
    kind: Kind, authority: Authority
) -> None:
    """The server is told the name in the handshake and in the request."""
    shown: list[str | None] = []
    tls = authority.server("hooks.example")
    tls.sni_callback = lambda _, name, __: shown.append(name)

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        url = f"https://hooks.example:{server.port}/a"
        answer = await transport.post(url, headers=[], body=b"{}", timeout=30)

    assert answer.status == 204
    assert shown == ["hooks.example"]
    assert f"Host: hooks.example:{server.port}".encode() in server.requests[0][0]


@pytest.mark.parametrize("size", [10, 300_000])
async def test_a_connection_is_kept_over_tls(
    kind: Kind, authority: Authority, size: int
) -> None:
    """Session tickets that come along are not taken for an answer."""
    tls = authority.server("hooks.example")

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        url = f"https://hooks.example:{server.port}/"

        for _ in range(5):
            await transport.post(url, headers=[], body=b"x" * size, timeout=30)

        assert server.connections == 1
        assert {len(body) for _, body in server.requests} == {size}


async def test_an_address_as_the_name_in_a_certificate(
    kind: Kind, authority: Authority
) -> None:
    """It is verified like any other name."""
    tls = authority.server("127.0.0.1")

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        answer = await transport.post(server.url, headers=[], body=b"", timeout=30)

    assert answer.status == 204


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["other.example"], "Hostname mismatch"),
        (["hooks.example.evil.example"], "Hostname mismatch"),
        (["*.hooks.example"], "Hostname mismatch"),
        (["127.0.0.1"], "Hostname mismatch"),
    ],
)
async def test_a_wrong_name_gets_nothing(
    kind: Kind, authority: Authority, names: list[str], complaint: str
) -> None:
    """Not even the head of a request."""
    tls = authority.server(*names)

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        url = f"https://hooks.example:{server.port}/"

        with pytest.raises(TransportError, match=complaint) as caught:
            await transport.post(url, headers=[], body=b"{}", timeout=30)

        assert server.requests == []

    assert caught.value.kind == "tls"
    assert caught.value.address == "127.0.0.1"


async def test_an_unknown_authority_gets_nothing(
    kind: Kind, authority: Authority
) -> None:
    """The certificate has the right name, from somebody nobody knows."""
    tls = Authority().server("hooks.example")

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        url = f"https://hooks.example:{server.port}/"

        with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await transport.post(url, headers=[], body=b"{}", timeout=30)

        assert server.requests == []

    assert caught.value.kind == "tls"


async def test_by_default_only_the_systems_authorities_are_trusted(
    kind: Kind, authority: Authority
) -> None:
    """A transport that was told nothing verifies all the same."""
    tls = authority.server("hooks.example")

    async with (
        serving(tls=tls) as server,
        kind(LOCAL, resolver=Names()) as transport,
    ):
        url = f"https://hooks.example:{server.port}/"

        with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED"):
            await transport.post(url, headers=[], body=b"{}", timeout=30)


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad\r\n\r\n", b"\x15\x03"])
async def test_a_server_that_speaks_no_tls_is_a_failure_of_tls(
    kind: Kind, authority: Authority, greeting: bytes
) -> None:
    """Whether it closes, answers in clear, or half."""

    async def speaks_in_clear(wire: Wire) -> None:
        await wire.stream.receive()
        await wire.send(greeting)

    async with (
        serving(speaks_in_clear) as server,
        _transport(kind, authority) as transport,
    ):
        url = f"https://hooks.example:{server.port}/"

        with pytest.raises(TransportError) as caught:
            await transport.post(url, headers=[], body=b"{}", timeout=30)

    assert caught.value.kind == "tls"


async def test_a_server_that_wants_a_certificate_is_a_failure_of_tls(
    kind: Kind, authority: Authority
) -> None:
    """In TLS 1.3 that is only heard after the handshake."""
    tls = authority.server("hooks.example")
    authority.ca.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        url = f"https://hooks.example:{server.port}/"

        with pytest.raises(TransportError) as caught:
            await transport.post(url, headers=[], body=b"{}", timeout=30)

    assert caught.value.kind in ("tls", "broken")


async def test_two_names_on_one_address_share_no_connection(
    kind: Kind, authority: Authority
) -> None:
    """The certificate of one says nothing about the other."""
    tls = authority.server("a.example", "b.example")

    async with serving(tls=tls) as server, _transport(kind, authority) as transport:
        for name in ("a.example", "b.example"):
            url = f"https://{name}:{server.port}/"
            await transport.post(url, headers=[], body=b"", timeout=30)

        assert server.connections == 2


async def test_bytes_that_tls_holds_back_end_a_connection(
    kind: Kind, authority: Authority
) -> None:
    """An answer too many, received with the first one, in a record of its own."""

    async def says_more(wire: Wire) -> None:
        while True:
            await wire.read()
            # One write to the socket, so that both records arrive together.
            tls = wire.stream
            parts = [OK, b"HTTP/1.1 500 Surprise\r\nContent-Length: 0\r\n\r\n"]
            await _send_records(tls, parts)

    tls = authority.server("hooks.example")

    async with (
        serving(says_more, tls=tls) as server,
        _transport(kind, authority) as transport,
    ):
        url = f"https://hooks.example:{server.port}/"

        for _ in range(3):
            answer = await transport.post(url, headers=[], body=b"", timeout=30)
            assert answer.status == 204

        assert server.connections == 3


async def _send_records(stream: object, parts: list[bytes]) -> None:
    """Write each part into a record of its own, and send them in one segment."""
    from anyio.streams.tls import TLSStream

    assert isinstance(stream, TLSStream)

    for part in parts[:-1]:
        stream._ssl_object.write(part)

    await stream.send(parts[-1])
