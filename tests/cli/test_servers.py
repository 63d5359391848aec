"""The servers of the demo, with requests over real sockets."""

from __future__ import annotations

import anyio
import click
import pytest

from upcall.cli import servers
from upcall.cli.servers import Backend, check_backend, listen, serving
from upcall.webhooks._receive.asgi import (
    Receive,
    Scope,
    Send,
    respond,
    serve_lifespan,
)


async def say_hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer any request."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
    else:
        await respond(send, 200, "hello")


async def get(url: str) -> bytes:
    """Make a request, and return all that comes."""
    port = int(url.rpartition(":")[2])
    got = b""

    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        async for chunk in stream:
            got += chunk

    return got


async def test_it_serves_while_the_context_lasts(anyio_backend_name: Backend) -> None:
    """From the first line on; afterwards nobody answers any more."""
    async with serving(say_hello, listen(0, ""), anyio_backend_name) as url:
        answer = await get(url)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"hello" in answer

    with pytest.raises(OSError, match="connect"):
        await get(url)


async def test_it_ends_when_it_is_cancelled(anyio_backend_name: Backend) -> None:
    """The server is told to end, and ends, though its caller may wait no more."""
    with anyio.fail_after(10), anyio.CancelScope() as scope:
        async with serving(say_hello, listen(0, ""), anyio_backend_name) as url:
            scope.cancel()
            await anyio.sleep_forever()

    with pytest.raises(OSError, match="connect"):
        await get(url)


def test_a_port_in_use_is_named() -> None:
    """With the option that gives another."""
    with listen(0, "") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(click.ClickException, match=f"port {port} .* with --a-port"):
            listen(port, "--a-port")


@pytest.mark.parametrize("missing", ["trio", "hypercorn"])
def test_trio_needs_a_server_for_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is said before anything starts."""
    monkeypatch.setattr(
        servers, "find_spec", lambda name: None if name == missing else object()
    )
    check_backend("asyncio")

    with pytest.raises(click.ClickException, match=r"pip install 'hypercorn\[trio\]'"):
        check_backend("trio")
