"""From a name to a connection: looked up once, judged whole, reached by its address."""

from __future__ import annotations

import pytest
from tests.webhooks.transport.kinds import Kind
from tests.webhooks.transport.names import Names
from tests.webhooks.transport.servers import LOCAL, Wire, serving

from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks._proto.errors import BlockedError
from upcall.webhooks.transport.contract import Transport
from upcall.webhooks.transport.guard import Guard


async def _post(transport: Transport, port: int, timeout: float = 30) -> Answer:  # noqa: ASYNC109 (the transport's)
    return await transport.post(
        f"http://hooks.example:{port}/", headers=[], body=b"{}", timeout=timeout
    )


async def test_a_name_is_looked_up_and_its_address_connected_to(kind: Kind) -> None:
    """The server is told the name, the answer the address."""
    names = Names(["127.0.0.1"])

    async with serving() as server, kind(LOCAL, resolver=names) as transport:
        answer = await _post(transport, server.port)

    assert answer.address == "127.0.0.1"
    assert names.asked == [("hooks.example", server.port)]
    assert f"Host: hooks.example:{server.port}".encode() in server.requests[0][0]


async def test_a_literal_is_never_looked_up(kind: Kind) -> None:
    """Not even to see whether it is one."""
    names = Names()

    async with serving() as server, kind(LOCAL, resolver=names) as transport:
        await transport.post(server.url, headers=[], body=b"", timeout=30)

    assert names.asked == []


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::ffff:169.254.169.254"],
        ["127.0.0.1"] * 8 + ["64:ff9b::a00:1"],
        ["127.0.0.1", "fe80::1%eth0"],
        ["127.0.0.1", "not an address"],
    ],
)
async def test_one_bad_answer_condemns_the_name(kind: Kind, answers: list[str]) -> None:
    """No connection is made, and the next attempt may find better ones."""
    async with (
        serving() as server,
        kind(LOCAL, resolver=Names(answers)) as transport,
    ):
        with pytest.raises(BlockedError, match="has a bad address") as caught:
            await _post(transport, server.port)

        assert not caught.value.permanent
        assert server.connections == 0


async def test_a_name_that_moves_is_judged_again_at_the_next_connection(
    kind: Kind,
) -> None:
    """Rebinding: good at registration and at the first attempt, bad at the second."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    guard = Guard(allow=["127.0.0.1/32"], schemes=["http"], ports=None)

    async with (
        serving() as server,
        kind(guard, resolver=names, idle_expiry=0) as transport,
    ):
        assert (await _post(transport, server.port)).status == 204

        with pytest.raises(BlockedError):
            await _post(transport, server.port)

        assert server.connections == 1


async def test_a_refused_url_is_permanent_and_costs_no_lookup(kind: Kind) -> None:
    """The text alone tells."""
    names = Names()

    async with kind(LOCAL, resolver=names) as transport:
        for url in ("http://10.0.0.1/", "https://hooks.example/", "http://a@b.com/"):
            with pytest.raises(BlockedError) as caught:
                await transport.post(url, headers=[], body=b"", timeout=30)

            assert caught.value.permanent

    assert names.asked == []


async def test_the_next_address_is_tried_when_one_is_dead(kind: Kind) -> None:
    """Nobody listens on the first two."""
    names = Names(["127.0.0.2", "127.0.0.3", "127.0.0.1"])

    async with serving() as server, kind(LOCAL, resolver=names) as transport:
        answer = await _post(transport, server.port)

    assert answer.address == "127.0.0.1"


async def test_no_more_than_four_addresses_are_tried(kind: Kind) -> None:
    """A name with a thousand addresses is not a scan of a thousand hosts."""
    names = Names([f"127.0.0.{n}" for n in (2, 2, 3, 4, 5, 1)])

    async with serving() as server, kind(LOCAL, resolver=names) as transport:
        with pytest.raises(TransportError) as caught:
            await _post(transport, server.port)

        assert caught.value.kind == "connect"
        assert caught.value.address == "127.0.0.5"
        assert server.connections == 0


async def test_a_refused_connection_says_so(kind: Kind) -> None:
    """Kind, address, and what the system said."""
    async with serving() as server:
        port = server.port

    async with kind(LOCAL, resolver=Names()) as transport:
        with pytest.raises(TransportError, match="connect: ") as caught:
            await _post(transport, port)

    assert caught.value.kind == "connect"
    assert caught.value.address == "127.0.0.1"


@pytest.mark.parametrize("answer", [[], OSError("no such name")])
async def test_a_name_without_an_address_is_a_failure_of_dns(
    kind: Kind, answer: list[str] | OSError
) -> None:
    """Whether the resolver says so in words or by an empty list."""
    async with kind(LOCAL, resolver=Names(answer)) as transport:
        with pytest.raises(TransportError, match="hooks") as caught:
            await _post(transport, 80)

    assert caught.value.kind == "dns"


async def test_a_stalled_lookup_ends_with_the_time_for_connecting(kind: Kind) -> None:
    """Long before the whole request has to be over."""
    async with kind(LOCAL, resolver=Names(None), connect_timeout=0.02) as transport:
        with pytest.raises(TransportError, match="no answer within") as caught:
            await _post(transport, 80)

    assert caught.value.kind == "dns"


async def test_the_deadline_of_the_request_includes_the_lookup(kind: Kind) -> None:
    """And says what was going on when it came."""
    async with kind(LOCAL, resolver=Names(None)) as transport:
        with pytest.raises(TransportError, match="while looking up hooks") as caught:
            await _post(transport, 80, timeout=0.02)

    assert caught.value.kind == "timeout"


async def test_a_stalled_handshake_ends_with_the_time_for_connecting(
    kind: Kind,
) -> None:
    """A server that accepts and keeps silent, where TLS should begin."""
    guard = Guard(allow=["127.0.0.0/8"], ports=None)

    async def keeps_silent(wire: Wire) -> None:
        while True:
            await wire.stream.receive()

    async with (
        serving(keeps_silent) as server,
        kind(guard, connect_timeout=0.05) as transport,
    ):
        with pytest.raises(TransportError, match="no connection within") as caught:
            await transport.post(
                f"https://127.0.0.1:{server.port}/",
                headers=[],
                body=b"",
                timeout=30,
            )

        # On a slow machine the time may be over before anything is connected to.
        await server.wait(lambda seen: seen.gone == seen.connections)

    assert caught.value.kind == "timeout"
    assert caught.value.address == "127.0.0.1"


async def test_proxies_of_the_environment_are_not_used(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard could not see where a proxy connects to."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")

    async with serving() as server, kind(LOCAL, resolver=Names()) as transport:
        assert (await _post(transport, server.port)).status == 204

    assert server.requests[0][0].startswith(b"POST / HTTP/1.1\r\n")
