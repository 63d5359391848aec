"""Shopify's way to sign: the body alone, under HMAC-SHA256, in base64."""

from __future__ import annotations

__all__ = ("Shopify",)

from collections.abc import Mapping
from typing import Final

import attrs

from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.headers import check_header, single

from .contract import Verified
from .encoding import read_base64, write_base64
from .secret import text_keys
from .signing_key import SharedKey, matches

_HMAC: Final = "Shopify-Hmac-Sha256"
_TOPIC: Final = "Shopify-Topic"


@attrs.frozen(repr=False, eq=False)
class Shopify:
    """The scheme ``"shopify"``. Signs with the first secret, verifies with any.

    It signs neither an id nor a time, nor the headers that name topic and shop: a
    captured request can be sent again, under another id and as something else.

    https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    """

    _keys: tuple[SharedKey, ...] = attrs.field(alias="secrets", converter=text_keys)
    name: str = attrs.field(default="shopify", init=False)

    def sign(
        self,
        body: bytes,
        *,
        id: str,
        timestamp: float,
        url: str | None = None,
    ) -> dict[str, str]:
        """Return the signature; the id and a topic, as headers that are not signed.

        See `Scheme.sign`. Neither the time nor the URL are signed. Receivers refuse
        requests without a topic: the one here stands in until the sender puts the
        name of the event there. Shopify's own library wants ``X-Shopify-Shop-Domain``
        and ``X-Shopify-API-Version`` too, which only the owner of the endpoint knows.
        """
        del timestamp, url
        check_header("X-Shopify-Webhook-Id", id)
        return {
            f"X-{_HMAC}": write_base64(self._keys[0].sign(body)),
            f"X-{_TOPIC}": "upcall/message",
            "X-Shopify-Webhook-Id": id,
            "X-Shopify-Event-Id": id,
        }

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
        given = read_base64(_signature(headers))

        if given is None:
            raise SignatureError("the signature is not in base64")

        if not matches(self._keys, body, given):
            raise SignatureError("the signature does not match")

        return Verified()

    def __repr__(self) -> str:
        return f"<scheme {self.name!r}, {len(self._keys)} secret(s)>"


def _signature(headers: Mapping[str, str]) -> str:
    """Return the signature, under its old name or its new one, without ``X-``.

    The topic is asked for under the same one, as Shopify's own library does: nothing
    of theirs comes without. Both names at once, and a receiver could read the topic of
    the other.
    """
    names = {str(name).lower() for name in headers}
    found = [x for x in ("X-", "") if f"{x}{_HMAC}".lower() in names]

    if len(found) > 1:
        raise SignatureError(f"the headers X-{_HMAC} and {_HMAC} are both there")

    prefix = found[0] if found else "X-"
    single(headers, prefix + _TOPIC)
    return single(headers, prefix + _HMAC)
