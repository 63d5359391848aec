"""A receiver and all that its bus hears; requests as every sender signs them."""

from __future__ import annotations

__all__ = ("SECRETS", "Taking", "form", "sign", "source_of")

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from nacl.signing import SigningKey
from slack_sdk.signature import SignatureVerifier
from stripe import WebhookSignature
from svix import Webhook as SvixWebhook
from tests.webhooks.asgi import Answered, Headers, request
from tests.webhooks.signed import GITHUB, NOW, STANDARD, github, standard

from upcall import Bus, Envelope
from upcall.testing import ManualClock
from upcall.webhooks import Receiver, Source

KEY = SigningKey(b"0" * 32)
URL = "https://example.com/twilio"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

SECRETS: dict[str, str | None] = {
    "standard": STANDARD,
    "svix": STANDARD,
    "github": GITHUB,
    "stripe": "whsec_of_stripe",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "shopify": "hush",
    "discord": KEY.verify_key.encode().hex(),
    "twilio": "12345",
    "bearer": "a-long-enough-token-of-ours-0123456789",
    "none": None,
}
"""What each scheme verifies with."""


def source_of(scheme: str, **options: Any) -> Source:
    """Make a source of this scheme, at the path of its name."""
    given = {"scheme": scheme, "secret": SECRETS[scheme]} | options
    return Source(f"/{given.get('name', scheme)}", **given)


def form(fields: Mapping[str, str]) -> bytes:
    """Write a form."""
    return urlencode(fields).encode()


def sign(
    scheme: str, body: bytes, *, media_type: str = JSON, now: float = NOW
) -> dict[str, str]:
    """Return the headers of a request, signed by code that is not ours."""
    return {"Content-Type": media_type, **_SIGNERS[scheme](body, now)}


def _standard(body: bytes, now: float) -> dict[str, str]:
    return _without_type(standard(body, now=now))


def _svix(body: bytes, now: float) -> dict[str, str]:
    time = datetime.fromtimestamp(now, UTC)
    return {
        "svix-id": "msg_1",
        "svix-timestamp": str(int(now)),
        "svix-signature": SvixWebhook(STANDARD).sign("msg_1", time, body.decode()),
    }


def _github(body: bytes, now: float) -> dict[str, str]:
    return _without_type(github(body))


def _stripe(body: bytes, now: float) -> dict[str, str]:
    signed = f"{int(now)}.{body.decode()}"
    mac = WebhookSignature._compute_signature(signed, SECRETS["stripe"] or "")
    return {"Stripe-Signature": f"t={int(now)},v1={mac}"}


def _slack(body: bytes, now: float) -> dict[str, str]:
    verifier = SignatureVerifier(SECRETS["slack"] or "")
    seconds = str(int(now))
    mac = verifier.generate_signature(timestamp=seconds, body=body)
    return {"X-Slack-Request-Timestamp": seconds, "X-Slack-Signature": str(mac)}


def _shopify(body: bytes, now: float) -> dict[str, str]:
    key = (SECRETS["shopify"] or "").encode()
    return {
        "X-Shopify-Hmac-Sha256": b64encode(hmac.digest(key, body, "sha256")).decode(),
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Event-Id": "event-1",
        "X-Shopify-Webhook-Id": "webhook-1",
    }


def _discord(body: bytes, now: float) -> dict[str, str]:
    seconds = str(int(now))
    signed = KEY.sign(seconds.encode() + body).signature.hex()
    return {"X-Signature-Ed25519": signed, "X-Signature-Timestamp": seconds}


def _twilio(body: bytes, now: float) -> dict[str, str]:
    return {
        "X-Twilio-Signature": twilio(URL, body, SECRETS["twilio"] or ""),
        "I-Twilio-Idempotency-Token": "token-1",
    }


def _bearer(body: bytes, now: float) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS['bearer']}", "Upcall-Id": "one"}


def _none(body: bytes, now: float) -> dict[str, str]:
    return {"Upcall-Id": "one"}


_SIGNERS: Mapping[str, Callable[[bytes, float], dict[str, str]]] = {
    "standard": _standard,
    "svix": _svix,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "shopify": _shopify,
    "discord": _discord,
    "twilio": _twilio,
    "bearer": _bearer,
    "none": _none,
}


def twilio(url: str, body: bytes, secret: str) -> str:
    """Sign a form as Twilio's documents say it."""
    pairs = sorted(parse_qsl(body.decode(), keep_blank_values=True))
    text = url + "".join(name + value for name, value in pairs)
    return b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _without_type(headers: dict[str, str]) -> dict[str, str]:
    return {n: v for n, v in headers.items() if n not in ("Content-Type", "User-Agent")}


class Taking:
    """A receiver, and all that its bus hears."""

    def __init__(self, *sources: Source) -> None:
        self.envelopes: list[Envelope[Any]] = []
        self.bus = Bus()

        for pattern in ("**", "webhook.**"):
            self.bus.on(pattern, self.envelopes.append, envelope=True)

        self.clock = ManualClock(NOW)
        self.receiver = Receiver(self.bus, sources, clock=self.clock)

    async def post(
        self, path: str, body: bytes, headers: Headers, **more: Any
    ) -> Answered:
        """Make a request."""
        more.setdefault("scheme", "https")
        return await request(self.receiver, path, body, headers=headers, **more)

    async def signed(
        self, scheme: str, body: bytes, media_type: str = JSON, **headers: str
    ) -> Answered:
        """Make a signed request; headers by their names with underscores."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = sign(scheme, body, media_type=media_type, now=self.clock.now())
        signed = {n: v for n, v in signed.items() if n.lower() not in own}
        whole = {"Host": "example.com", **signed, **own}
        return await self.post(f"/{scheme}", body, whole)

    @property
    def heard(self) -> list[tuple[str, Any]]:
        """What was emitted: names and payloads."""
        return [(envelope.name, envelope.payload) for envelope in self.envelopes]
