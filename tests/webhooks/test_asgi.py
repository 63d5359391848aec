"""The host in memory, itself."""

from __future__ import annotations

import anyio
import pytest
from tests.webhooks.asgi import Client, Message, lifespan, request, scope_of


async def echo(scope: Message, receive: object, send: object) -> None:
    """Answer with the body, as an app may: in two pieces."""
    assert callable(receive)
    assert callable(send)
    body = b""
    more = True

    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]

    headers = [(b"x-path", scope["path"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b"."})


async def test_request_sends_the_pieces_and_joins_the_answer() -> None:
    """What goes in as pieces comes out whole."""
    answered = await request(echo, "/a", [b"one", b"", b"two"])

    assert (answered.status, answered.body) == (200, b"onetwo.")
    assert answered.headers == {"x-path": "/a"}


async def test_client_hangs_up() -> None:
    """After its pieces the client is gone, and the body was not whole."""
    client = Client([b"one"], then="gone")

    assert (await client.receive())["more_body"] is True
    assert (await client.receive())["type"] == "http.disconnect"


async def test_client_hangs() -> None:
    """After its pieces nothing comes."""
    client = Client([], then="hang")

    with anyio.move_on_after(0) as scope:
        await client.receive()

    assert scope.cancelled_caught


def test_answer_must_be_whole() -> None:
    """An answer whose last piece says that more comes is none."""
    client = Client([])
    client.sent = [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b"", "more_body": True},
    ]

    with pytest.raises(ValueError, match="False"):
        client.answer()


def test_scope_takes_repeated_headers() -> None:
    """A header may stand in a request twice."""
    scope = scope_of("/", headers=[("A", "1"), ("a", "2")])

    assert scope["headers"] == [(b"a", b"1"), (b"a", b"2")]


async def test_lifespan_runs_start_and_stop() -> None:
    """An app gets both messages, in order."""
    got: list[str] = []

    async def app(scope: Message, receive: object, send: object) -> None:
        assert callable(receive)
        got.extend([(await receive())["type"], (await receive())["type"]])

    assert await lifespan(app) == []
    assert got == ["lifespan.startup", "lifespan.shutdown"]
