"""Where a receiver runs: below a prefix, with a lifespan, on a real server."""

from __future__ import annotations

import pytest
from tests.webhooks.asgi import Client, lifespan, request
from tests.webhooks.signed import GITHUB, github, sources

from upcall import Bus
from upcall.cli.servers import Backend, listen, serving
from upcall.webhooks.receiver import Receiver, Source
from upcall.webhooks.transport.guard import Guard
from upcall.webhooks.transport.post import PostTransport


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/github", None),
        ("/github", ""),
        ("/hooks/github", "/hooks"),
        ("/hooks/github", "/hooks/"),
        ("/github", "/hooks"),
        ("/github", "/git"),
        ("/github", "/github"),
        ("/github/", ""),
        ("/hooks/github/", "/hooks"),
    ],
)
async def test_a_mounted_receiver_finds_its_sources(
    path: str, root_path: str | None
) -> None:
    """Hosts differ: the prefix is in the path, in `root_path`, in both or nowhere."""
    receiver = Receiver(Bus(), sources())

    answered = await request(
        receiver, path, b"{}", headers=github(b"{}"), root_path=root_path
    )

    assert answered.status == 202


async def test_the_mount_point_itself_can_be_a_source() -> None:
    """Below a prefix nothing is left of the path, which is the root then."""
    receiver = Receiver(Bus(), [Source("/", scheme="github", secret=GITHUB)])

    answered = await request(
        receiver, "/hooks", b"{}", headers=github(b"{}"), root_path="/hooks"
    )

    assert answered.status == 202


async def test_the_lifespan_is_served() -> None:
    """A host that sends one goes on."""
    sent = await lifespan(Receiver(Bus(), sources()))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_turned_away() -> None:
    """It is closed before it is accepted, without an exception."""
    client = Client([b""])

    await Receiver(Bus(), sources())({"type": "websocket"}, client.receive, client.send)

    assert [message["type"] for message in client.sent] == ["websocket.close"]


async def test_a_real_server_runs_it(anyio_backend_name: Backend) -> None:
    """Requests go over a socket and through a server, by our own transport."""
    heard: list[object] = []
    bus = Bus()
    bus.on("github.push", heard.append)
    body = b'{"ref": "refs/heads/main"}'
    guard = Guard(allow=["127.0.0.0/8"], schemes={"http"}, ports=None)

    async with (
        serving(Receiver(bus, sources()), listen(0, ""), anyio_backend_name) as url,
        PostTransport(guard) as transport,
    ):

        async def post(path: str, headers: dict[str, str], body: bytes) -> int:
            answer = await transport.post(
                url + path, headers=list(headers.items()), body=body, timeout=5
            )
            return answer.status

        taken = await post("/github", github(body), body)
        forged = await post("/github", github(b""), body)
        large = await post("/acme", github(b""), b" " * (2 << 20))

    assert (taken, forged, large) == (202, 401, 413)
    assert heard == [{"ref": "refs/heads/main"}]
