"""The table of rude servers, row by row."""

from __future__ import annotations

import pytest
from tests.webhooks.transport.rude import TABLE, Answered, Failed, Rude
from tests.webhooks.transport.servers import LOCAL, serving

from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks.transport.contract import Transport
from upcall.webhooks.transport.post import PostTransport


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


@pytest.mark.parametrize("row", TABLE)
async def test_a_rude_server_gets_its_verdict(row: Rude) -> None:
    """Both times; and a connection is used again only if nothing was odd about it."""
    async with serving(row.behaviour) as server, PostTransport(LOCAL) as transport:
        await _judge(transport, server.url, row, row.first)
        await _judge(transport, server.url, row, row.second)

        await server.wait(lambda seen: seen.connections >= row.connections)
        assert server.connections == row.connections
