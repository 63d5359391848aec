"""Slack's way to sign: version, time and body under HMAC-SHA256."""

from __future__ import annotations

__all__ = ("Slack",)

from collections.abc import Mapping

import attrs

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import single

from .contract import Verified
from .encoding import read_hex
from .secret import text_keys
from .signing_key import SharedKey, matches
from .timestamp import check_age, read_seconds, write_seconds


@attrs.frozen(repr=False, eq=False)
class Slack:
    """The scheme ``"slack"``. Signs with the first secret, verifies with any.

    It signs no id: that is in the body of an event, and nowhere for commands.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=text_keys)
    _tolerance: float = attrs.field(alias="tolerance", kw_only=True)
    name: str = attrs.field(default="slack", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return both headers; see `Scheme.sign`. Neither id nor URL are signed."""
        del id, url
        seconds = write_seconds(timestamp)
        signature = self._keys[0].sign(_content(seconds, body)).hex()
        return {
            "X-Slack-Request-Timestamp": seconds,
            "X-Slack-Signature": f"v0={signature}",
        }

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
        seconds = single(headers, "X-Slack-Request-Timestamp")
        given = read_hex(single(headers, "X-Slack-Signature"), size=32, prefix="v0=")

        if given is None:
            raise SignatureError("the signature is not v0= and 64 digits in hex")

        timestamp = read_seconds(seconds)
        check_age(timestamp, now=now, tolerance=self._tolerance)

        if not matches(self._keys, _content(seconds, body), given):
            raise SignatureError("the signature does not match")

        return Verified(timestamp=timestamp)

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"


def _content(seconds: str, body: bytes) -> bytes:
    return b":".join((b"v0", seconds.encode("ascii"), body))
