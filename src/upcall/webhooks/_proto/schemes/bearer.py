"""A token in the header Authorization: it says who sends, and nothing of what."""

from __future__ import annotations

__all__ = ("Bearer",)

import hmac
import re
from collections.abc import Mapping
from typing import Final

import attrs

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import single

from .contract import Verified
from .secret import token_keys
from .signing_key import SharedKey

_CREDENTIALS: Final = re.compile(r"bearer +([\x21-\x7e]+)", re.ASCII | re.IGNORECASE)


@attrs.frozen(repr=False, eq=False)
class Bearer:
    """The scheme ``"bearer"``. Sends the first secret, verifies with any.

    Nothing is signed: whoever sees one request can send any other. Over TLS alone.

    RFC 6750, section 2.1. A token in the query is not read: logs keep URLs.
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=token_keys)
    name: str = attrs.field(default="bearer", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the header with the token; see `Scheme.sign`. Nothing is signed."""
        del body, id, timestamp, url
        return {"Authorization": f"Bearer {self._keys[0].secret.decode('ascii')}"}

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return a record of nothing but None; see `Scheme.verify`."""
        del body, now, url
        found = _CREDENTIALS.fullmatch(single(headers, "Authorization"))

        if found is None:
            raise SignatureError("the header Authorization is not Bearer and a token")

        given = found[1].encode("ascii")

        if not any(hmac.compare_digest(key.secret, given) for key in self._keys):
            raise SignatureError("the token does not match")

        return Verified()

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"
