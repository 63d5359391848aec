"""A receiver with a store on real servers, and in hosts that keep their lifespan."""

from __future__ import annotations

__all__ = ()

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from tests.webhooks.inbox.stored import Stored
from tests.webhooks.receive.site import in_django
from tests.webhooks.signed import github

from upcall.cli.servers import Backend, listen, serving
from upcall.webhooks import Outbox
from upcall.webhooks.transport.guard import Guard
from upcall.webhooks.transport.post import PostTransport

BODY = b'{"n":1}'


async def test_a_real_server_opens_and_closes_it(
    file_url: str, anyio_backend_name: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """By its lifespan: uvicorn on asyncio, hypercorn on trio."""
    outbox = Outbox(file_url)
    stored = Stored(outbox)
    guard = Guard(allow=["127.0.0.0/8"], schemes={"http"}, ports=None)

    async with (
        serving(stored.receiver, listen(0, ""), anyio_backend_name) as url,
        PostTransport(guard) as transport,
    ):
        answer = await transport.post(
            f"{url}/github",
            headers=list(github(BODY).items()),
            body=BODY,
            timeout=5,
        )
        await stored.in_state("delivered")
        opened = repr(outbox)

    assert answer.status == 202
    assert "opened by its first request" not in caplog.text
    assert "open>" in opened
    assert "closed>" in repr(outbox)
    assert stored.heard == [{"n": 1}]


def heard_by(stored: Stored) -> threading.Event:
    """Return what is set when the callback is called."""
    heard = threading.Event()
    stored.bus.on("github.push", lambda _: heard.set())
    return heard


def test_an_application_opens_it_in_its_own_lifespan(file_url: str) -> None:
    """A host sends none to what is mounted in it."""
    stored = Stored(file_url)
    heard = heard_by(stored)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with stored.bus, stored.receiver:
            yield

    app = Starlette(routes=[Mount("/hooks", stored.receiver)], lifespan=lifespan)

    with TestClient(app) as client:
        answer = client.post("/hooks/github", content=BODY, headers=github(BODY))
        assert heard.wait(20)

    assert answer.status_code == 202


def test_mounted_and_never_opened_it_opens_itself(
    file_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And says so, once per event loop."""
    stored = Stored(file_url)
    heard = heard_by(stored)
    app = Starlette(routes=[Mount("/hooks", stored.receiver)])

    with TestClient(app) as client:
        answers = [
            client.post(
                "/hooks/github", content=BODY, headers=github(BODY, guid=f"g{number}")
            )
            for number in range(3)
        ]
        assert heard.wait(20)

    assert [answer.status_code for answer in answers] == [202] * 3
    assert caplog.text.count("the inbox was opened by its first request") == 1


# --- Django ---


async def test_beside_django_it_opens_itself(
    url: str, caplog: pytest.LogCaptureFixture, anyio_backend_name: Backend
) -> None:
    """A server for tests sends no lifespan: the first request stands for it."""
    skip_on_trio(anyio_backend_name)
    stored = Stored(url)
    transport = ASGITransport(app=in_django(stored.receiver))

    async with AsyncClient(transport=transport, base_url="http://test") as client:
        answers = [
            await client.post("/hooks/github", content=BODY, headers=github(BODY))
            for _ in range(3)
        ]
        home = await client.get("/")

    (found,) = await stored.in_state("delivered")
    assert [answer.status_code for answer in answers] == [202] * 3
    assert home.text == "home"
    assert stored.heard == [{"n": 1}]
    assert stored.ids == [found.envelope]
    assert caplog.text.count("the inbox was opened by its first request") == 1


async def test_beside_django_the_lifespan_of_the_server_opens_it(
    file_url: str, caplog: pytest.LogCaptureFixture, anyio_backend_name: Backend
) -> None:
    """Whoever puts both side by side passes it on, for Django wants none."""
    skip_on_trio(anyio_backend_name)
    outbox = Outbox(file_url)
    stored = Stored(outbox)
    app = in_django(stored.receiver)

    async with (
        serving(app, listen(0, ""), anyio_backend_name) as url,
        AsyncClient(base_url=url) as client,
    ):
        answer = await client.post("/hooks/github", content=BODY, headers=github(BODY))
        opened = repr(outbox)
        home = await client.get("/")
        await stored.in_state("delivered")

    assert (answer.status_code, home.text) == (202, "home")
    assert "open>" in opened
    assert "closed>" in repr(outbox)
    assert stored.heard == [{"n": 1}]
    assert "opened by its first request" not in caplog.text


def skip_on_trio(backend: Backend) -> None:
    """Leave out what Django cannot."""
    if backend == "trio":
        pytest.skip("Django runs on asyncio alone")
