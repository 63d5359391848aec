"""Stripe's way to sign: time and body under HMAC-SHA256, all in one header."""

# Rule 1: what is neither t= nor a well-formed v1= is as good as absent. Stripe sends a
#   v0= beside them, in test mode, that vouches for nothing.

from __future__ import annotations

__all__ = ("Stripe",)

from collections.abc import Mapping
from typing import Final

import attrs

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import single

from .contract import Verified
from .encoding import read_hex
from .secret import text_keys
from .signing_key import SharedKey, matches
from .timestamp import check_age, read_seconds, write_seconds

_MOST_SIGNATURES: Final = 16


@attrs.frozen(repr=False, eq=False)
class Stripe:
    """The scheme ``"stripe"``. Makes one signature for each secret.

    The key is the whole text of the secret, with its ``whsec_``; in Standard Webhooks
    the same prefix stands before base64. It signs no id: that is in the body.

    https://docs.stripe.com/webhooks#verify-manually
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=text_keys)
    _tolerance: float = attrs.field(alias="tolerance", kw_only=True)
    name: str = attrs.field(default="stripe", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the one header; see `Scheme.sign`. Neither id nor URL are signed."""
        del id, url
        seconds = write_seconds(timestamp)
        content = _content(seconds, body)
        signatures = (f"v1={key.sign(content).hex()}" for key in self._keys)
        return {"Stripe-Signature": ",".join((f"t={seconds}", *signatures))}

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return the timestamp; see `Scheme.verify`. The URL is not looked at."""
        del url
        seconds, given = _read(single(headers, "Stripe-Signature"))
        timestamp = read_seconds(seconds)
        check_age(timestamp, now=now, tolerance=self._tolerance)

        if not matches(self._keys, _content(seconds, body), *given):
            raise SignatureError("no signature v1= matches")

        return Verified(timestamp=timestamp)

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"


def _content(seconds: str, body: bytes) -> bytes:
    return b".".join((seconds.encode("ascii"), body))


def _read(header: str) -> tuple[str, list[bytes]]:
    """Return the one time, and the well-formed signatures."""
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    found = [read_hex(value, size=32) for name, _, value in parts if name == "v1"]

    if len(times) != 1:
        raise SignatureError(f"there are {len(times)} times t= and must be one")

    if len(found) > _MOST_SIGNATURES:
        raise SignatureError(f"there are more than {_MOST_SIGNATURES} signatures")

    return times[0], [each for each in found if each is not None]
