"""GitHub's way to sign: the body alone, under HMAC-SHA256."""

from __future__ import annotations

__all__ = ("GitHub",)

from collections.abc import Mapping

import attrs

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import check_header, single

from .contract import Verified
from .encoding import read_hex
from .secret import text_keys
from .signing_key import SharedKey, matches


@attrs.frozen(repr=False, eq=False)
class GitHub:
    """The scheme ``"github"``. Signs with the first secret, verifies with any.

    It signs neither an id nor a time: a captured request can be sent again, under
    another id. The older SHA-1 header is never read.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=text_keys)
    name: str = attrs.field(default="github", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the signature, and the id as a header that is not signed.

        See `Scheme.sign`. Neither the time nor the URL are signed.
        """
        del timestamp, url
        check_header("X-GitHub-Delivery", id)
        signature = f"sha256={self._keys[0].sign(body).hex()}"
        return {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": id}

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float,
        url: str | None = None,
    ) -> Verified:
        """Return a record of nothing but None; see `Scheme.verify`."""
        del now, url
        given = read_hex(
            single(headers, "X-Hub-Signature-256"), size=32, prefix="sha256="
        )

        if given is None:
            raise SignatureError("the signature is not sha256= and 64 digits in hex")

        if not matches(self._keys, body, given):
            raise SignatureError("the signature does not match")

        return Verified()

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"
