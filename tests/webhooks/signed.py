"""Requests as senders sign them, with code that is not ours."""

from __future__ import annotations

__all__ = ("GITHUB", "NOW", "STANDARD", "github", "sources", "standard")

import hmac
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from upcall.webhooks.receiver import Source

NOW = 1_700_000_000.0
GITHUB = "It's a Secret to Everybody"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def sources() -> list[Source]:
    """Make one source of each kind."""
    return [
        Source("/github", scheme="github", secret=GITHUB),
        Source("/acme", scheme="standard", secret=STANDARD, name="acme"),
    ]


def github(
    body: bytes, *, event: str = "push", guid: str = "guid-1", secret: str = GITHUB
) -> dict[str, str]:
    """Sign a body as GitHub does, and return the headers."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid,
        "X-Hub-Signature-256": "sha256="
        + hmac.new(secret.encode(), body, "sha256").hexdigest(),
    }


def standard(
    body: bytes, *, message: str = "msg_1", now: float = NOW
) -> dict[str, str]:
    """Sign a body as Standard Webhooks wants it, and return the headers."""
    signature = Webhook(STANDARD).sign(
        message, datetime.fromtimestamp(now, UTC), body.decode()
    )
    return {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": signature,
    }
