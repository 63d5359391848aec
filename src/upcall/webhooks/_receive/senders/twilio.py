"""Twilio: forms that say what they are by their fields."""

# https://www.twilio.com/docs/usage/webhooks

from __future__ import annotations

__all__ = ("TWILIO",)

from collections.abc import Sequence
from typing import Any, Final

from upcall.webhooks._receive.request import FORM, Request

from .bridged import read_type
from .contract import DAY, Incoming, Sender, digest_of, wanted
from .forms import Form, field, read_form

_ID: Final = "i-twilio-idempotency-token"
_SIGNATURE: Final = "x-twilio-signature"

_STATUSES: Final = (
    ("RecordingStatus", "recording"),
    ("MessageStatus", "message"),
    ("SmsStatus", "message"),
    ("CallStatus", "call"),
)
"""The field that tells what has happened, and to what; the first one that is there."""


def _read(request: Request) -> Sequence[Incoming]:
    """Read a form, or JSON.

    The id is in a header that is not signed, and not always there. URL and fields are
    signed, so the signature is the digest of both.
    """
    kind, payload = _read_body(request)
    return [
        Incoming(
            id=request.headers.get(_ID, ""),
            digest=digest_of(wanted(request, _SIGNATURE).encode("latin-1")),
            type=kind,
            payload=payload,
        )
    ]


def _read_body(request: Request) -> tuple[str, Any]:
    if request.media_type != FORM:
        return read_type(request, request.plain())

    form = read_form(request)
    return _type(form), form


def _type(form: Form) -> str:
    for name, kind in _STATUSES:
        status = field(form, name)

        if status:
            return f"{kind}.{status}"

    return field(form, "EventType") or "request"


TWILIO: Final = Sender(
    read=_read,
    headers=frozenset({_ID, _SIGNATURE, "upcall-event"}),
    takes_forms=True,
    keep=DAY,
    status=204,
    patience=15.0,
)
