"""The endpoint of the demo, with signatures of the `standardwebhooks` package."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook
from tests.webhooks.asgi import request

from upcall.cli.endpoint import DemoEndpoint

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"a.b","timestamp":"now","data":{"n":1}}'


def signed(message: str, body: bytes = BODY) -> dict[str, str]:
    """Sign with code that is not ours."""
    now = datetime.now(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message, now, body.decode()),
    }


async def attempt(endpoint: DemoEndpoint, message: str) -> int:
    """Make one attempt, and return the status."""
    return (await request(endpoint, "/", BODY, headers=signed(message))).status


async def test_a_part_of_the_first_attempts_fails() -> None:
    """The first of every third message; the second attempt is taken."""
    endpoint = DemoEndpoint(SECRET)

    statuses = [await attempt(endpoint, message) for message in "abcdabcd"]

    assert statuses == [503, 204, 204, 503] + [204] * 4
    assert (endpoint.failed, endpoint.copies) == (2, 2)
    assert set(endpoint.handled) == set("abcd")
    assert set(endpoint.handled.values()) == {b'["a.b",{"n":1}]'}


@pytest.mark.parametrize(
    "name", ["webhook-id", "webhook-timestamp", "webhook-signature"]
)
async def test_what_is_not_signed_is_refused(name: str) -> None:
    """One header is changed, or is not there."""
    endpoint = DemoEndpoint(SECRET)
    right = signed("a")

    for headers in ({**right, name: "1"}, {**right, name: ""}):
        assert (await request(endpoint, "/", BODY, headers=headers)).status == 401

    assert endpoint.forged == 2
    assert endpoint.handled == {}
