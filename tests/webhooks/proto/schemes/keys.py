"""A secret for every scheme, and another one."""

from __future__ import annotations

__all__ = ("OTHERS", "SECRETS")

from typing import Final

from nacl.encoding import HexEncoder
from nacl.signing import SigningKey


def _pair(seed: bytes) -> str:
    key = SigningKey(seed)
    return (key.encode(HexEncoder) + key.verify_key.encode(HexEncoder)).decode()


SECRETS: Final = {
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "svix": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "github": "It's a Secret to Everybody",
    "stripe": "whsec_test_9f8e7d6c5b4a",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "shopify": "hush_shpss_0123456789abcdef",
    "discord": _pair(b"1" * 32),
    "twilio": "0123456789abcdef0123456789abcdef",
    "bearer": "mF_9.B5f-4.1JqM",
}

OTHERS: Final = {
    "standard": "whsec_Z3q3JrcvZVPcSMkvPvuKcLm+e1nTU8XCVvfLXFhE4Xs=",
    "svix": "whsec_Z3q3JrcvZVPcSMkvPvuKcLm+e1nTU8XCVvfLXFhE4Xs=",
    "github": "another one of GitHub",
    "stripe": "whsec_test_second",
    "slack": "ffffffffffffffffffffffffffffffff",
    "shopify": "hush_shpss_ffffffffffffffff",
    "discord": _pair(b"2" * 32),
    "twilio": "ffffffffffffffffffffffffffffffff",
    "bearer": "mF_9.B5f-4.1JqN",
}
