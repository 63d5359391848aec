"""The table of rude servers, row by row."""

from __future__ import annotations

import pytest
from tests.webhooks.transport.kinds import Kind
from tests.webhooks.transport.rude import TABLE
from tests.webhooks.transport.rude_readings import READINGS
from tests.webhooks.transport.servers import LOCAL, serving
from tests.webhooks.transport.verdicts import Answered, Failed, Rude

from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.contract import Transport
from upcall.webhooks.transport.http2 import Http2Transport


async def _judge(
    transport: Transport, url: str, row: Rude, expected: Answered | Failed
) -> None:
    if isinstance(expected, Failed):
        with pytest.raises(TransportError) as caught:
            await transport.post(url, headers=[], body=row.body, timeout=row.timeout)

        assert caught.value.kind == expected.kind, str(caught.value)
        assert caught.value.address == "127.0.0.1"
        return

    answer = await transport.post(url, headers=[], body=row.body, timeout=row.timeout)

    assert answer.status == expected.status
    assert answer.truncated == expected.truncated
    assert answer.body == (answer.body if expected.body is None else expected.body)
    assert answer.address == "127.0.0.1"
    assert "x-t" not in dict(answer.headers)


@pytest.mark.parametrize("row", [*TABLE, *READINGS])
async def test_a_rude_server_gets_its_verdict(row: Rude, kind: Kind) -> None:
    """Both times; and a connection is used again only if nothing was odd about it."""
    async with serving(row.behaviour) as server, kind(LOCAL) as transport:
        first, second = row.first, row.second

        if row.by_h11 is not None and kind is Http2Transport:
            first = second = row.by_h11

        await _judge(transport, server.url, row, first)
        await _judge(transport, server.url, row, second)

        # On a slow machine the time may be over before anything is connected to.
        if first != Failed("timeout"):
            await server.wait(lambda seen: seen.connections >= row.connections)

        assert server.connections <= row.connections
