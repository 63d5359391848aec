"""Discord's way to sign: time and body under Ed25519."""

# Rule 1: nothing stands between time and body, so the time has ten digits, always.
#   Were it read at any length, a digit could move from the one to the other.

from __future__ import annotations

__all__ = ("Discord",)

import re
from collections.abc import Mapping
from typing import Final

import attrs

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import single

from .contract import Verified
from .encoding import read_hex
from .secret import discord_keys
from .signing_key import KeyPair, PublicKey, matches
from .timestamp import check_age, write_seconds

_DIGITS: Final = 10
_SECONDS: Final = re.compile(rf"[0-9]{{{_DIGITS}}}")


@attrs.frozen(repr=False, eq=False)
class Discord:
    """The scheme ``"discord"``. Signs with the first secret, verifies with any.

    A secret is the public key to verify with, the seed to sign with, or both in one,
    in hex. The tolerance is ours: Discord asks for none.

    https://docs.discord.com/developers/interactions/overview
    """

    _keys: tuple[tuple[KeyPair, PublicKey], ...] = attrs.field(
        alias="secrets", converter=discord_keys
    )
    _tolerance: float = attrs.field(alias="tolerance", kw_only=True)
    name: str = attrs.field(default="discord", init=False)

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
        seconds = write_seconds(timestamp).zfill(_DIGITS)

        if len(seconds) > _DIGITS:
            raise OptionError(f"timestamp={timestamp!r} has more than ten digits")

        pair, _ = self._keys[0]
        return {
            "X-Signature-Ed25519": pair.sign(_content(seconds, body)).hex(),
            "X-Signature-Timestamp": seconds,
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
        seconds = single(headers, "X-Signature-Timestamp")
        given = read_hex(single(headers, "X-Signature-Ed25519"), size=64)

        if not _SECONDS.fullmatch(seconds):
            raise SignatureError("the timestamp is not in ten digits")

        if given is None:
            raise SignatureError("the signature is not 128 digits in hex")

        check_age(int(seconds), now=now, tolerance=self._tolerance)
        public = (key for _, key in self._keys)

        if not matches(public, _content(seconds, body), given):
            raise SignatureError("the signature does not match")

        return Verified(timestamp=int(seconds))

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"


def _content(seconds: str, body: bytes) -> bytes:
    return b"".join((seconds.encode("ascii"), body))
