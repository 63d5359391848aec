"""Bodies that are too long, too slow, or not what was declared."""

from __future__ import annotations

import anyio
import pytest
from tests.webhooks.asgi import Client, request, scope_of
from tests.webhooks.signed import GITHUB, github

from upcall import Bus
from upcall.webhooks import receiver as module
from upcall.webhooks._receive.asgi import read_body
from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks.receiver import Receiver, Source


def make_receiver(max_body: int | None = None) -> Receiver:
    """Make a receiver of one source."""
    source = Source("/github", scheme="github", secret=GITHUB, max_body=max_body)
    return Receiver(Bus(), [source])


async def test_a_body_in_pieces_is_put_together() -> None:
    """The pieces are the host's; the signature is over the whole."""
    answered = await request(
        make_receiver(), "/github", [b"{", b"", b"}"], headers=github(b"{}")
    )

    assert answered.status == 202


@pytest.mark.parametrize(("size", "status"), [(10, 202), (11, 413)])
async def test_the_cap_counts_what_comes(size: int, status: int) -> None:
    """Nothing declared: the bytes are counted, to the byte."""
    body = b"[" + b" " * (size - 2) + b"]"

    answered = await request(
        make_receiver(10), "/github", [body[:5], body[5:]], headers=github(body)
    )

    assert answered.status == status


async def test_a_body_declared_too_large_is_not_read() -> None:
    """The answer is there before the first byte."""
    client = Client([], then="hang")
    scope = scope_of("/github", headers={**github(b""), "Content-Length": "11"})

    await make_receiver(10)(scope, client.receive, client.send)

    assert client.answer().status == 413


async def test_a_body_without_end_is_cut() -> None:
    """However long it goes on, no more than the cap and one piece is held."""
    client = Client([b"x" * 8] * 1000)

    with pytest.raises(Refusal) as caught:
        await read_body(client.receive, declared=None, limit=20, seconds=60)

    assert caught.value.status == 413
    assert len(client.chunks) == 997


async def test_a_slow_sender_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never ends its body holds nothing open for long."""
    monkeypatch.setattr(module, "BODY_SECONDS", 0.0)
    client = Client([], then="hang")

    with anyio.fail_after(5):
        await make_receiver()(
            scope_of("/github", headers=github(b"")), client.receive, client.send
        )

    assert client.answer().status == 408


@pytest.mark.parametrize(
    ("scheme", "limit"), [("github", 25 << 20), ("standard", 1 << 20)]
)
async def test_the_cap_is_by_default_what_the_sender_keeps(
    scheme: str, limit: int
) -> None:
    """GitHub sends up to 25 MB."""
    source = Source("/x", scheme=scheme, secret="whsec_" + "A" * 40)
    headers = {"Content-Type": "application/json", "Content-Length": str(limit + 1)}

    answered = await request(Receiver(Bus(), [source]), "/x", b"", headers=headers)
    headers["Content-Length"] = str(limit)
    within = await request(Receiver(Bus(), [source]), "/x", b"", headers=headers)

    assert (answered.status, within.status) == (413, 400)
