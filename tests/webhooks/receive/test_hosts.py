"""Receivers in the frameworks that people have, and on the servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import anyio
import hypercorn.asyncio
import hypercorn.config
import pytest
import uvicorn
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.webhooks.asgi import App, lifespan, request
from tests.webhooks.receive.site import in_django
from tests.webhooks.signed import GITHUB, github

from upcall import Bus
from upcall.cli.servers import Backend, listen, serving
from upcall.webhooks import Guard, Receiver, Source
from upcall.webhooks.transport.post import PostTransport

LOOPBACK = Guard(allow=["127.0.0.0/8"], schemes={"http"}, ports=None)
BODY = b'{"ref": "refs/heads/main"}'


def in_starlette(receiver: App) -> App:
    """Mount it as a route."""
    return Starlette(routes=[Mount("/hooks", app=receiver)])


def in_fastapi(receiver: App) -> App:
    """Mount it as a sub-application."""
    app = FastAPI()
    app.mount("/hooks", receiver)
    return app


def in_litestar(receiver: App) -> App:
    """Mount it as an ASGI handler, which gets all below its path."""
    litestar = pytest.importorskip("litestar")
    handler = litestar.asgi("/hooks", is_mount=True, copy_scope=True)

    async def hooks(scope: Any, receive: Any, send: Any) -> None:
        await receiver(scope, receive, send)

    return litestar.Litestar([handler(hooks)], logging_config=None)  # type: ignore[no-any-return]


HOSTS = [in_starlette, in_fastapi, in_litestar, in_django]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("source", ["/github", "/"])
async def test_a_framework_mounts_it(
    host: Callable[[App], App], source: str, anyio_backend_name: str
) -> None:
    """Taken, refused and not found below the prefix, with or without a lifespan."""
    if host is in_django and anyio_backend_name == "trio":
        pytest.skip("Django runs on asyncio alone")

    heard: list[object] = []
    bus = Bus()
    bus.on("github.push", heard.append)
    app = host(Receiver(bus, Source(source, scheme="github", secret=GITHUB)))
    url = f"http://test/hooks{source}"

    async with AsyncClient(transport=ASGITransport(app=app)) as client:
        taken = await client.post(url, content=BODY, headers=github(BODY))
        forged = await client.post(url, content=BODY, headers=github(b""))
        lost = await client.post("http://test/hooks/other", content=BODY)
        got = await client.get(url)
        home = await client.get("http://test/")

    assert home.status_code == (200 if host is in_django else 404)
    assert [taken.status_code, forged.status_code] == [202, 401]
    assert (lost.status_code, got.status_code) == (404, 405)
    assert heard == [{"ref": "refs/heads/main"}]


async def test_a_lifespan_goes_by() -> None:
    """A host may send one, or cannot; there is nothing to prepare."""
    receiver = Receiver(Bus(), Source("/github", scheme="github", secret=GITHUB))

    before = await request(receiver, "/github", BODY, headers=github(BODY))
    sent = await lifespan(receiver)
    after = await request(receiver, "/github", b"{}", headers=github(b"{}"))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (before.status, after.status) == (202, 202)


@contextlib.asynccontextmanager
async def on_hypercorn(app: App) -> AsyncIterator[str]:
    """Serve it on asyncio's hypercorn; on trio `serving` does."""
    listener = listen(0, "")
    port = listener.getsockname()[1]
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 1.0
    stop = anyio.Event()

    async def serve() -> None:
        await hypercorn.asyncio.serve(
            cast("Any", app), config, shutdown_trigger=stop.wait
        )

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        yield f"http://127.0.0.1:{port}"
        stop.set()


@contextlib.asynccontextmanager
async def on_uvicorn_below(app: App, root_path: str) -> AsyncIterator[str]:
    """Serve it behind a proxy that has cut a prefix off."""
    listener = listen(0, "")
    config = uvicorn.Config(
        app, root_path=root_path, lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]

    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True


@contextlib.asynccontextmanager
async def server_of(kind: str, app: App, backend: Backend) -> AsyncIterator[str]:
    """Serve the app; skip what there is not for this event loop."""
    if kind == "as it comes":
        async with serving(app, listen(0, ""), backend) as url:
            yield url
    elif backend == "trio":
        pytest.skip("that is what hypercorn on trio is for")
    elif kind == "hypercorn":
        async with on_hypercorn(app) as url:
            yield url
    else:
        async with on_uvicorn_below(app, "/hooks") as url:
            yield url


@pytest.mark.parametrize("kind", ["as it comes", "hypercorn", "uvicorn below"])
async def test_a_server_runs_it(kind: str, anyio_backend_name: Backend) -> None:
    """By itself, over a socket: with a lifespan, and with none."""
    heard: list[object] = []
    bus = Bus()
    bus.on("github.push", heard.append)
    source = Source("/github", scheme="github", secret=GITHUB, max_body=1000)
    receiver = Receiver(bus, source)

    with anyio.fail_after(30):
        async with (
            server_of(kind, receiver, anyio_backend_name) as url,
            PostTransport(LOOPBACK) as transport,
        ):

            async def post(headers: dict[str, str], body: bytes) -> int:
                answer = await transport.post(
                    f"{url}/github",
                    headers=list(headers.items()),
                    body=body,
                    timeout=10,
                )
                return answer.status

            statuses = [
                await post(github(BODY), BODY),
                await post(github(b""), BODY),
                await post(github(b""), b" " * 2000),
            ]

    assert statuses == [202, 401, 413]
    assert heard == [{"ref": "refs/heads/main"}]


async def test_half_a_request_is_no_request(anyio_backend_name: Backend) -> None:
    """A sender that hangs up in the middle, and one that sends more than it said."""
    heard: list[object] = []
    bus = Bus()
    bus.on("**", heard.append)
    receiver = Receiver(bus, Source("/github", scheme="github", secret=GITHUB))
    head = "".join(f"{n}: {v}\r\n" for n, v in github(BODY).items())

    with anyio.fail_after(30):
        async with serving(receiver, listen(0, ""), anyio_backend_name) as url:
            port = int(url.rpartition(":")[2])

            for length, sent in ((len(BODY), BODY[:9]), (9, BODY)):
                async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                    await stream.send(
                        f"POST /github HTTP/1.1\r\nHost: x\r\n{head}"
                        f"Content-Length: {length}\r\n\r\n".encode()
                        + sent
                    )

                    if length == len(sent):
                        await stream.receive()

    assert heard == []
