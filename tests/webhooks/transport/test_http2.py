"""HTTP/2: one connection for many requests, and what is left when one goes wrong."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import h2.config
import h2.connection
import h2.events
import pytest
from tests.webhooks.transport.authority import Authority
from tests.webhooks.transport.names import Names
from tests.webhooks.transport.servers import Behaviour, Server, Wire, serving

from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks.transport.guard import Guard
from upcall.webhooks.transport.http2 import Http2Transport

LOCAL = Guard(allow=["127.0.0.0/8"], ports=None)
NO_CONTENT = [(":status", "204")]

Reply = Callable[[h2.connection.H2Connection, int, Wire], Awaitable[None] | None]
"""What is done about one request that was read whole: its stream is named."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority; making keys takes a while."""
    return Authority()


def speaks(reply: Reply) -> Behaviour:
    """Serve HTTP/2."""

    async def behave(wire: Wire) -> None:
        config = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False
        )
        frames = h2.connection.H2Connection(config)
        frames.initiate_connection()
        streams: dict[int, tuple[Any, bytearray]] = {}

        while True:
            await wire.stream.send(frames.data_to_send() or b"")

            for event in frames.receive_data(await wire.stream.receive()):
                _take(event, frames, streams)

                if isinstance(event, h2.events.StreamEnded):
                    head, body = streams[event.stream_id]
                    wire.server.requests.append((head, bytes(body)))
                    wire.server.note()
                    later = reply(frames, event.stream_id, wire)

                    if later is not None:
                        await later

    return behave


def _take(event: Any, frames: h2.connection.H2Connection, streams: Any) -> None:
    if isinstance(event, h2.events.RequestReceived):
        streams[event.stream_id] = (event.headers, bytearray())
    elif isinstance(event, h2.events.DataReceived):
        streams[event.stream_id][1].extend(event.data or b"")
        length = event.flow_controlled_length or 0
        frames.acknowledge_received_data(length, event.stream_id)


def no_content(frames: h2.connection.H2Connection, stream: int, _: Wire) -> None:
    """Answer 204."""
    frames.send_headers(stream, NO_CONTENT, end_stream=True)


def _context(authority: Authority) -> Any:
    context = authority.server("hooks.example")
    context.set_alpn_protocols(["h2"])
    return context


def _transport(authority: Authority, **options: Any) -> Http2Transport:
    return Http2Transport(
        LOCAL, ssl_context=authority.client(), resolver=Names(), **options
    )


async def _post(
    transport: Http2Transport,
    server: Server,
    body: bytes = b"{}",
    timeout: float = 30,  # noqa: ASYNC109 (the transport's)
) -> Answer:
    return await transport.post(
        f"https://hooks.example:{server.port}/a?b=1",
        headers=[("Webhook-Id", "msg_1")],
        body=body,
        timeout=timeout,
    )


async def test_a_request_is_what_was_asked_for_and_no_more(
    authority: Authority,
) -> None:
    """The host is the authority, names are in lower case, nothing is added."""
    async with (
        serving(speaks(no_content), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        answer = await _post(transport, server)

    assert answer == Answer(status=204, address="127.0.0.1")
    assert server.requests == [
        (
            [
                (b":method", b"POST"),
                (b":authority", f"hooks.example:{server.port}".encode()),
                (b":scheme", b"https"),
                (b":path", b"/a?b=1"),
                (b"content-length", b"2"),
                (b"webhook-id", b"msg_1"),
            ],
            b"{}",
        )
    ]


async def test_requests_at_a_time_share_a_connection(authority: Authority) -> None:
    """From the first one on, and those that follow find it."""
    async with (
        serving(speaks(no_content), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(_post, transport, server, b"%d" % number)

        assert server.connections == 1
        assert len({body for _, body in server.requests}) == 20
        assert len(server.requests) == 40


async def test_a_large_body_arrives_whole(authority: Authority) -> None:
    """It is sent as the server makes room for it."""
    body = bytes(range(256)) * 1024

    async with (
        serving(speaks(no_content), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        for _ in range(2):
            await _post(transport, server, body)

        assert [got for _, got in server.requests] == [body, body]
        assert server.connections == 1


async def test_a_connection_is_not_kept_for_long(authority: Authority) -> None:
    """With no time at all, every request opens one of its own."""
    async with (
        serving(speaks(no_content), tls=_context(authority)) as server,
        _transport(authority, idle_expiry=0) as transport,
    ):
        for _ in range(3):
            await _post(transport, server)

        assert server.connections == 3
        await server.wait(lambda seen: seen.gone == 2)


async def test_leaving_closes_what_was_kept(authority: Authority) -> None:
    """As the other side sees it."""
    async with serving(speaks(no_content), tls=_context(authority)) as server:
        async with _transport(authority) as transport:
            await _post(transport, server)
            assert server.gone == 0

        await server.wait(lambda seen: seen.gone == 1)


@pytest.mark.parametrize("kindly", [True, False])
async def test_a_kept_connection_that_is_over_is_nobodys_fault(
    authority: Authority, kindly: bool
) -> None:
    """Whether the server says goodbye (GOAWAY) or not: once more on a new one."""

    def leaves(frames: h2.connection.H2Connection, stream: int, wire: Wire) -> None:
        if len(wire.server.requests) != 2:
            no_content(frames, stream, wire)
        elif kindly:
            frames.close_connection(last_stream_id=1)
        else:
            raise OSError("gone")

    async with (
        serving(speaks(leaves), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        for _ in range(2):
            assert (await _post(transport, server)).status == 204

        assert server.connections == 2
        assert len(server.requests) == 3


@pytest.mark.parametrize(("frames_sent", "connections"), [(4, 1), (5, 2)])
async def test_a_body_is_read_to_its_bound(
    authority: Authority, frames_sent: int, connections: int
) -> None:
    """Cut off behind 64 KiB, it ends the connection: more of it may be under way."""

    def long(frames: h2.connection.H2Connection, stream: int, _: Wire) -> None:
        frames.send_headers(stream, [(":status", "200"), ("x", "y")])

        for number in range(frames_sent):
            last = number == frames_sent - 1 == 3
            frames.send_data(stream, b"x" * 16384, end_stream=last)

    async with (
        serving(speaks(long), tls=_context(authority)) as server,
        _transport(authority, keep=10) as transport,
    ):
        for _ in range(2):
            answer = await _post(transport, server)
            assert (answer.body, answer.truncated) == (b"x" * 10, True)
            assert answer.headers == (("x", "y"),)

        assert server.connections == connections
        await server.wait(lambda seen: seen.gone == (0, 2)[frames_sent > 4])


def _head(*fields: tuple[str, str]) -> Reply:
    def reply(frames: h2.connection.H2Connection, stream: int, _: Wire) -> None:
        frames.send_headers(stream, list(fields), end_stream=True)

    return reply


def _reset(frames: h2.connection.H2Connection, stream: int, _: Wire) -> None:
    frames.reset_stream(stream, error_code=2)


def _short(frames: h2.connection.H2Connection, stream: int, _: Wire) -> None:
    frames.send_headers(stream, [(":status", "200"), ("content-length", "9")])
    frames.send_data(stream, b"half", end_stream=True)


def _leave(frames: h2.connection.H2Connection, stream: int, wire: Wire) -> None:
    raise OSError("gone")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(_reset, id="resets the stream"),
        pytest.param(_short, id="a body shorter than its length"),
        pytest.param(_leave, id="leaves without an answer"),
        pytest.param(_head((":status", "two")), id="a status in words"),
        pytest.param(_head((":status", "99")), id="a status of two digits"),
        pytest.param(_head((":status", "204"), ("x", "a\0b")), id="NUL in a header"),
        pytest.param(_head((":status", "204"), ("x", "a\r\nb: c")), id="CRLF in one"),
    ],
)
async def test_a_rude_server_gives_no_answer(
    authority: Authority, reply: Reply
) -> None:
    """And the next request goes over another connection."""
    async with (
        serving(speaks(reply), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        for _ in range(2):
            with pytest.raises(TransportError) as caught:
                await _post(transport, server)

            assert caught.value.kind == "broken"
            assert caught.value.address == "127.0.0.1"

        assert server.connections == 2


@pytest.mark.parametrize(
    "text", [b"HTTP/1.1 204 No Content\r\n\r\n", b"\0" * 99, b"\xff" * 9999, b""]
)
async def test_a_server_that_only_claims_to_speak_it_is_broken(
    authority: Authority, text: bytes
) -> None:
    """Whatever it sends instead of frames."""

    async def behave(wire: Wire) -> None:
        await wire.stream.receive()
        await wire.stream.send(text)

    async with (
        serving(behave, tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        with pytest.raises(TransportError) as caught:
            await _post(transport, server)

    assert caught.value.kind == "broken"


async def test_a_silent_server_has_its_time_and_no_more(authority: Authority) -> None:
    """The deadline closes the connection; nothing else was on it."""

    def silent(frames: h2.connection.H2Connection, stream: int, wire: Wire) -> None:
        if len(wire.server.requests) == 1:
            no_content(frames, stream, wire)

    async with (
        serving(speaks(silent), tls=_context(authority)) as server,
        _transport(authority) as transport,
    ):
        await _post(transport, server)

        with pytest.raises(TransportError, match="no answer within") as caught:
            await _post(transport, server, timeout=0.05)

        assert caught.value.kind == "timeout"
        assert caught.value.address == "127.0.0.1"
        await server.wait(lambda seen: seen.gone == 1)


async def test_cancellation_leaves_the_others_on_a_connection_alone(
    authority: Authority,
) -> None:
    """They get their answers; then it is closed, and the next one opens another."""
    speak = anyio.Event()

    async def late(frames: h2.connection.H2Connection) -> None:
        await speak.wait()
        frames.send_headers(1, [(":status", "202")], end_stream=True)

    def reply(
        frames: h2.connection.H2Connection, stream: int, wire: Wire
    ) -> Awaitable[None] | None:
        match wire.server.requests[-1][1]:
            case b"first":
                return None
            case b"second":
                return late(frames)
            case _:
                no_content(frames, stream, wire)
                return None

    answers: list[Answer] = []

    async def first() -> None:
        answers.append(await _post(transport, server, b"first"))

    async with (
        serving(speaks(reply), tls=_context(authority)) as server,
        _transport(authority) as transport,
        anyio.create_task_group() as group,
    ):
        group.start_soon(first)
        await server.wait(lambda seen: len(seen.requests) == 1)

        async with anyio.create_task_group() as doomed:
            doomed.start_soon(_post, transport, server, b"second")
            await server.wait(lambda seen: len(seen.requests) == 2)
            doomed.cancel_scope.cancel()

        await _post(transport, server, b"third")
        assert (server.connections, server.gone) == (2, 0)
        speak.set()
        await server.wait(lambda seen: seen.gone == 1)

    assert [answer.status for answer in answers] == [202]


async def test_requests_wait_for_the_connection_that_is_being_opened(
    authority: Authority,
) -> None:
    """And open their own if nothing comes of it."""
    names = Names(OSError("no such name"), ["127.0.0.1"])

    async with (
        serving(speaks(no_content), tls=_context(authority)) as server,
        Http2Transport(
            LOCAL, ssl_context=authority.client(), resolver=names
        ) as transport,
    ):
        failed: list[TransportError] = []

        async def first() -> None:
            try:
                await _post(transport, server)
            except TransportError as error:
                failed.append(error)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(first)

        assert [error.kind for error in failed] == ["dns"]
        assert len(server.requests) == 2


def test_without_its_extra_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two packages is missing."""
    for missing in ("httpcore2", "h2"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            patch.delitem(sys.modules, "upcall.webhooks.transport.http2")

            with pytest.raises(ModuleNotFoundError, match=r"upcall\[http2\]") as caught:
                importlib.import_module("upcall.webhooks.transport.http2")

            assert caught.value.name == missing


def test_nobody_pays_for_it_who_does_not_use_it() -> None:
    """No package imports it."""
    code = "import sys, upcall.webhooks; print({'httpcore2', 'h2'} & {*sys.modules})"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout == "set()\n"
