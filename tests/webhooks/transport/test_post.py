"""The request itself, connections that are kept, and what cancellation leaves."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from tests.webhooks.transport.behaviours import OK
from tests.webhooks.transport.kinds import Kind
from tests.webhooks.transport.servers import LOCAL, Wire, serving

from upcall.errors import OptionError
from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.connection import Connection
from upcall.webhooks.transport.contract import Transport
from upcall.webhooks.transport.post import PostTransport


async def test_a_request_is_what_was_asked_for_and_no_more(kind: Kind) -> None:
    """No encoding is asked for, nothing is added but host and length."""
    headers = [("Content-Type", "application/json"), ("X-A", "1"), ("x-a", "caf\u00e9")]

    async with serving() as server, kind(LOCAL) as transport:
        answer = await transport.post(
            server.url, headers=headers, body=b'{"a": 1}', timeout=30
        )

    assert answer.status == 204
    assert answer.address == "127.0.0.1"
    assert server.requests == [
        (
            (
                "POST /hooks?a=1 HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{server.port}\r\n"
                "Content-Length: 8\r\n"
                "Content-Type: application/json\r\n"
                "X-A: 1\r\n"
                "x-a: caf\u00e9"
            ).encode("latin-1"),
            b'{"a": 1}',
        )
    ]


@pytest.mark.parametrize("size", [0, 1, 16_000, 16_384, 100_000, 262_144])
async def test_a_body_arrives_whole(kind: Kind, size: int) -> None:
    """Whether it goes at once or beside the reading; and so does the next one."""
    body = bytes(range(256)) * (size // 256 + 1)

    async with serving() as server, kind(LOCAL) as transport:
        for _ in range(2):
            await transport.post(server.url, headers=[], body=body[:size], timeout=30)

        assert [len(got) for _, got in server.requests] == [size, size]
        assert server.requests[0][1] == body[:size]
        assert server.connections == 1


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "1\r\nX-Evil: 1"),
        ("X-A\r\nX-Evil", "1"),
        ("X-A", "1\r\n\r\nPOST /evil HTTP/1.1"),
        ("X-A", "\u20ac"),
        ("", "1"),
        ("Host", "evil.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Expect", "100-continue"),
        ("Upgrade", "h2c"),
    ],
)
async def test_a_header_cannot_end_or_frame_a_request(
    kind: Kind, header: tuple[str, str]
) -> None:
    """Refused before anything is connected to."""
    async with serving() as server, kind(LOCAL) as transport:
        with pytest.raises(OptionError, match="header"):
            await transport.post(server.url, headers=[header], body=b"", timeout=30)

        assert server.connections == 0


async def test_requests_at_a_time_have_a_connection_each_and_keep_them(
    kind: Kind,
) -> None:
    """The next ones find them all."""
    async with serving() as server, kind(LOCAL) as transport:
        for _ in range(3):
            async with anyio.create_task_group() as group:
                for number in range(10):
                    group.start_soon(_post_number, transport, server.url, number)

        assert server.connections == 10
        assert sorted(body for _, body in server.requests) == sorted(
            b"%d" % number for number in range(10) for _ in range(3)
        )


async def _post_number(transport: Transport, url: str, number: int) -> None:
    await transport.post(url, headers=[], body=b"%d" % number, timeout=30)


async def test_a_connection_is_not_kept_for_long(kind: Kind) -> None:
    """With no time at all, every request opens one of its own."""
    async with (
        serving() as server,
        kind(LOCAL, idle_expiry=0) as transport,
    ):
        for _ in range(3):
            await transport.post(server.url, headers=[], body=b"", timeout=30)

        assert server.connections == 3
        await server.wait(lambda seen: seen.gone == 2)


async def test_bytes_that_came_while_it_waited_end_a_connection(kind: Kind) -> None:
    """They would be read as the answer to the next request."""
    said = anyio.Event()
    speak = anyio.Event()

    async def speaks_again(wire: Wire) -> None:
        await wire.read()
        await wire.send(OK)

        if wire.number == 1:
            await speak.wait()
            await wire.send(b"HTTP/1.1 500 Surprise\r\nContent-Length: 0\r\n\r\n")
            said.set()

        await wire.read()
        await wire.send(OK)

    async with serving(speaks_again) as server, kind(LOCAL) as transport:
        await transport.post(server.url, headers=[], body=b"", timeout=30)
        speak.set()
        with anyio.fail_after(30):
            await said.wait()

        answer = await transport.post(server.url, headers=[], body=b"", timeout=30)

        assert answer.status == 204
        assert server.connections == 2


async def test_a_request_goes_out_at_most_twice(kind: Kind) -> None:
    """Once on a kept connection that turns out to be dead, once on a new one."""

    async def dies_of_every_second(wire: Wire) -> None:
        await wire.read()

        if wire.server.connections <= 2:
            await wire.send(OK)
            await wire.read()

    async with (
        serving(dies_of_every_second) as server,
        kind(LOCAL) as transport,
    ):
        async with anyio.create_task_group() as group:
            group.start_soon(_post_number, transport, server.url, 1)
            group.start_soon(_post_number, transport, server.url, 2)
            await server.wait(lambda seen: seen.connections == 2)

        with pytest.raises(TransportError, match="closed without an answer"):
            await transport.post(server.url, headers=[], body=b"3", timeout=30)

        sent = [body for _, body in server.requests]
        assert sent.count(b"3") == 2
        assert server.connections == 3


@pytest.mark.parametrize("size", [10, 8_000_000])
async def test_cancellation_closes_the_connection(kind: Kind, size: int) -> None:
    """Nobody may read the answer that is still to come."""

    async def keeps_silent(wire: Wire) -> None:
        await wire.stream.receive()
        wire.server.requests.append((b"", b""))
        wire.server.note()

        while True:
            await wire.stream.receive()

    async with serving(keeps_silent) as server, kind(LOCAL) as transport:
        async with anyio.create_task_group() as group:
            group.start_soon(_post_size, transport, server.url, size)
            await server.wait(lambda seen: len(seen.requests) == 1)
            group.cancel_scope.cancel()

        await server.wait(lambda seen: seen.gone == 1)


async def _post_size(transport: Transport, url: str, size: int) -> None:
    await transport.post(url, headers=[], body=b"x" * size, timeout=30)


async def test_the_deadline_closes_the_connection_and_says_where_it_was(
    kind: Kind,
) -> None:
    """Its address is known by then."""

    async def answers_once(wire: Wire) -> None:
        await wire.read()
        await wire.send(OK)

        while True:
            await wire.stream.receive()

    async with serving(answers_once) as server, kind(LOCAL) as transport:
        # The connection is there already, so that no time goes into making it.
        await transport.post(server.url, headers=[], body=b"", timeout=30)

        with pytest.raises(
            TransportError, match=r"no answer within 0\.05 s, while waiting"
        ) as caught:
            await transport.post(server.url, headers=[], body=b"", timeout=0.05)

        await server.wait(lambda seen: seen.gone == 1)

    assert caught.value.kind == "timeout"
    assert caught.value.address == "127.0.0.1"


async def test_an_outer_deadline_stays_the_callers(kind: Kind) -> None:
    """It is no `TransportError`: the caller gave up, not the transport."""

    async def keeps_silent(_: Wire) -> None:
        await anyio.sleep_forever()

    async with serving(keeps_silent) as server, kind(LOCAL) as transport:
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.05):
                await transport.post(server.url, headers=[], body=b"", timeout=60)


async def test_leaving_closes_what_was_kept(kind: Kind) -> None:
    """Every one of them, as the other side sees it."""
    async with serving() as server:
        async with kind(LOCAL) as transport:
            await transport.post(server.url, headers=[], body=b"", timeout=30)
            assert server.gone == 0

        await server.wait(lambda seen: seen.gone == 1)


async def test_a_request_under_way_outlives_aclose_and_keeps_nothing(
    kind: Kind,
) -> None:
    """A worker that stops can let its last requests end."""
    answer_now = anyio.Event()

    async def answers_late(wire: Wire) -> None:
        while True:
            await wire.read()
            await answer_now.wait()
            await wire.send(OK)

    async with serving(answers_late) as server:
        transport = kind(LOCAL)

        async with anyio.create_task_group() as group:
            group.start_soon(_post_number, transport, server.url, 1)
            await server.wait(lambda seen: len(seen.requests) == 1)
            await transport.aclose()
            answer_now.set()

        await server.wait(lambda seen: seen.gone == 1)
        await _post_number(transport, server.url, 2)
        await server.wait(lambda seen: seen.gone == 2)


async def test_ipv6_stands_in_brackets(kind: Kind) -> None:
    """In the URL and in the header, but not in the record."""
    try:
        async with serving(host="::1") as server, kind(LOCAL) as transport:
            url = f"http://[::1]:{server.port}/"
            answer = await transport.post(url, headers=[], body=b"", timeout=30)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")

    assert answer.address == "::1"
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0][0]


async def test_a_peer_that_is_somebody_else_is_refused(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever redirects connections below us, we do not speak to it."""
    real = anyio.connect_tcp

    async with serving() as server, kind(LOCAL) as transport:

        async def diverted(_: str, port: int) -> object:
            return await real("127.0.0.1", port)

        monkeypatch.setattr(anyio, "connect_tcp", diverted)

        with pytest.raises(Exception, match="not to 127"):
            await transport.post(
                f"http://127.0.0.9:{server.port}/", headers=[], body=b"", timeout=30
            )

        await server.wait(lambda seen: seen.gone == 1)
        assert server.requests == []


def test_a_connection_shows_no_request() -> None:
    """Nor does a transport: headers hold secrets."""
    assert "Connection object" in repr(Connection.__new__(Connection))
    assert "PostTransport object" in repr(PostTransport(LOCAL))


def test_it_works_in_a_plain_asyncio_run() -> None:
    """Nothing of anyio's has to be there first."""

    async def main() -> int:
        async with serving() as server, PostTransport(LOCAL) as transport:
            answer = await transport.post(server.url, headers=[], body=b"", timeout=30)
            return answer.status

    assert asyncio.run(main()) == 204
