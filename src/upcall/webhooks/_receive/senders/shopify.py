"""Shopify: headers that are not signed say topic and id, under one of two names."""

# https://shopify.dev/docs/apps/build/webhooks

from __future__ import annotations

__all__ = ("SHOPIFY",)

from collections.abc import Sequence
from typing import Final

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Request

from .contract import DAY, MIB, Incoming, Sender, digest_of, wanted

_NAMES: Final = ("shopify-topic", "shopify-event-id", "shopify-webhook-id")


def _read(request: Request) -> Sequence[Incoming]:
    prefix = _prefix(request)
    topic = wanted(request, f"{prefix}shopify-topic")
    event = request.headers.get(f"{prefix}shopify-event-id")
    return [
        Incoming(
            id=event or wanted(request, f"{prefix}shopify-webhook-id"),
            owner=topic,  # one event of a shop may be of several topics
            digest=digest_of(request.body),
            type=topic,
            payload=request.plain(),
        )
    ]


def _prefix(request: Request) -> str:
    """Return what the names of the headers begin with.

    Raises:
        Refusal: 400, if there are both: each could say something else.
    """
    found = [x for x in ("x-", "") if f"{x}shopify-topic" in request.headers]

    if len(found) > 1:
        raise Refusal(400, "there are headers of Shopify's with X- and without")

    return found[0] if found else "x-"


SHOPIFY: Final = Sender(
    read=_read,
    headers=frozenset(_NAMES) | {f"x-{name}" for name in _NAMES},
    keep=3 * DAY,  # it is sent again for some hours, formerly for two days
    max_body=5 * MIB,
    status=200,
    patience=5.0,
)
