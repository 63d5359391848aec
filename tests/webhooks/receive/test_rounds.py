"""Events that a bridge sends back to the receiver they came by."""

from __future__ import annotations

from typing import Any

import pytest
from tests.webhooks.receive.taking import Taking, source_of
from tests.webhooks.signed import standard

from upcall import Envelope


@pytest.mark.parametrize("name", ["standard", "in.coming"])
async def test_an_event_goes_round_four_times(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each round puts the name of the source in front; the fifth is refused."""
    taking = Taking(source_of("standard", name=name))
    statuses: list[int] = []

    async def send_back(envelope: Envelope[Any]) -> None:
        statuses.append(await send(envelope.name))

    async def send(kind: str) -> int:
        body = b'{"type":"%b"}' % kind.encode()
        headers = standard(body, message=f"id-{len(kind)}")
        return (await taking.post(f"/{name}", body, headers)).status

    taking.bus.on("**", send_back, envelope=True)

    assert await send("push") == 202
    assert statuses == [400, 202, 202, 202]
    assert [name for name, _ in taking.heard][-1] == f"{name}." * 4 + "push"
    assert "narrower pattern" in caplog.text


async def test_the_rounds_through_two_sources_are_counted_too() -> None:
    """What comes by the one and the other in turn has both names, again and again."""
    taking = Taking(source_of("none"), source_of("bearer"))
    kind = "none.bearer.none.bearer.none.bearer.none.push"

    body = b'{"type":"%b"}' % kind.encode()

    assert (await taking.signed("none", body)).status == 400
    assert (await taking.signed("bearer", body)).status == 202
