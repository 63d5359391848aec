"""Checks of the fakes themselves."""

from __future__ import annotations

__all__ = ()

from random import Random

import anyio
import pytest
from tests.webhooks.fakes import SECRET, FakeTransport, Middle, accepts, make_endpoint

from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks._proto.endpoint import check_endpoint
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import scheme


async def _post(transport: FakeTransport, url: str = "u") -> int:
    answer = await transport.post(url, headers=[("A", "b")], body=b"c", timeout=1.0)
    return answer.status


async def test_transport_answers_by_its_script() -> None:
    """One step per request, then the default."""
    transport = FakeTransport({"u": [503, TransportError("broken", "no")]}, default=200)

    assert await _post(transport) == 503

    with pytest.raises(TransportError):
        await _post(transport)

    assert await _post(transport) == 200
    assert await _post(transport, "other") == 200
    assert [sent.headers for sent in transport.sent] == [{"a": "b"}] * 4


async def test_transport_holds_answers_and_counts_what_is_in_flight() -> None:
    """So that tests see how many there are at once."""
    transport = FakeTransport()
    transport.hold()

    async with anyio.create_task_group() as group:
        group.start_soon(_post, transport)
        group.start_soon(_post, transport)
        await transport.arrived(2)
        assert transport.in_flight == {"u": 2}
        transport.release()

    assert transport.in_flight == {"u": 0}
    assert transport.most_in_flight == {"u": 2}


def test_endpoint_is_right() -> None:
    """A fake that is refused would test nothing."""
    check_endpoint(make_endpoint())


async def test_accepts_tells_a_wrong_signature() -> None:
    """It would be of no use otherwise."""
    transport = FakeTransport()
    signed = scheme("standard", secret=SECRET).sign(b"c", id="m", timestamp=9.0)
    await transport.post("u", headers=list(signed.items()), body=b"c", timeout=1.0)
    await transport.post("u", headers=list(signed.items()), body=b"d", timeout=1.0)

    assert accepts(transport.sent[0], now=9.0)

    with pytest.raises(SignatureError):
        accepts(transport.sent[1], now=9.0)


def test_middle_has_no_jitter() -> None:
    """A delay times it is the delay."""
    dice: Random = Middle()

    assert dice.uniform(0.8, 1.2) == 1.0
