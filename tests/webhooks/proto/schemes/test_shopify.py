"""Shopify's scheme: the body's HMAC in base64, and headers that nobody signed."""

from __future__ import annotations

import base64
import hmac

import pytest

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import SignatureError
from upcall.webhooks._proto.schemes import Verified, scheme

SECRET = "hush_shpss_0123456789abcdef"
BODY = b'{"id": 1, "note": "a\\/b"}'
MADE = scheme("shopify", SECRET)
SIGNATURE = base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha256")).decode()


def _headers(signature: str = SIGNATURE, *, prefix: str = "X-") -> dict[str, str]:
    return {
        f"{prefix}Shopify-Topic": "orders/create",
        f"{prefix}Shopify-Hmac-Sha256": signature,
    }


def test_the_id_is_sent_beside_the_signature() -> None:
    """Under both names: of the message, and of the event."""
    assert MADE.sign(BODY, id="msg_1", timestamp=0) == {
        "X-Shopify-Hmac-Sha256": SIGNATURE,
        "X-Shopify-Topic": "upcall/message",
        "X-Shopify-Webhook-Id": "msg_1",
        "X-Shopify-Event-Id": "msg_1",
    }


@pytest.mark.parametrize("prefix", ["X-", "", "x-"])
def test_neither_id_nor_time_are_vouched_for(prefix: str) -> None:
    """Under its old names and the new ones."""
    assert MADE.verify(_headers(prefix=prefix), BODY, now=0) == Verified()


def test_both_sets_of_names_at_once_are_refused() -> None:
    """One could be verified and the other one read."""
    headers = _headers() | _headers(prefix="")

    with pytest.raises(SignatureError, match="are both there"):
        MADE.verify(headers, BODY, now=0)


@pytest.mark.parametrize("prefix", ["X-", ""])
def test_a_topic_is_wanted_under_names_of_the_same_set(prefix: str) -> None:
    """As Shopify's own library wants it."""
    other = "" if prefix else "X-"
    headers = _headers(prefix=prefix)
    headers[f"{other}Shopify-Topic"] = headers.pop(f"{prefix}Shopify-Topic")

    with pytest.raises(SignatureError, match=f"header {prefix}Shopify-Topic is miss"):
        MADE.verify(headers, BODY, now=0)


@pytest.mark.parametrize(
    "signature",
    [
        *("", "=", SIGNATURE.rstrip("="), f"{SIGNATURE}=", f" {SIGNATURE}"),
        *(f"{SIGNATURE}\n", f"{SIGNATURE},{SIGNATURE}", SIGNATURE[:20], "\u00e9"),
        *(f"{SIGNATURE[:-2]}{chr(ord(SIGNATURE[-2]) + 1)}=", "\ud800", "\x00" * 44),
        *(SIGNATURE[:9] + "\n" + SIGNATURE[9:], SIGNATURE[:9] + "-" + SIGNATURE[10:]),
        *(base64.b64decode(SIGNATURE).hex(), "A" * 100_000),
    ],
)
def test_a_signature_has_one_form(signature: str) -> None:
    """Base64 decoders differ in what they forgive; we forgive nothing."""
    with pytest.raises(SignatureError, match=r"base64|match"):
        MADE.verify(_headers(signature), BODY, now=0)


@pytest.mark.parametrize("id_", ["a\r\nEvil: 1", " a", "\u20ac"])
def test_an_id_that_does_not_fit_a_header_is_refused(id_: str) -> None:
    """It would be another header to the receiver."""
    with pytest.raises(OptionError, match="X-Shopify-Webhook-Id"):
        MADE.sign(BODY, id=id_, timestamp=0)
