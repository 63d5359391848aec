"""GitHub: headers that are not signed say the event and the id of the delivery."""

# https://docs.github.com/en/webhooks

from __future__ import annotations

__all__ = ("GITHUB",)

from collections.abc import Sequence
from typing import Any, Final

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import FORM, Reply, Request
from upcall.webhooks.codec import JSON

from .contract import DAY, MIB, Incoming, Sender, digest_of, wanted
from .forms import field, read_form

_EVENT: Final = "x-github-event"
_ID: Final = "x-github-delivery"


def _read(request: Request) -> Sequence[Incoming]:
    return [
        Incoming(
            id=wanted(request, _ID),
            digest=digest_of(request.body),
            type=wanted(request, _EVENT),
            payload=_payload(request),
        )
    ]


def _payload(request: Request) -> Any:
    """Return the JSON, which a hook set to forms has in a field."""
    if request.media_type != FORM:
        return request.plain()

    text = field(read_form(request), "payload")

    if not text:
        raise Refusal(400, "the form has no field 'payload'")

    return JSON.decode(text.encode())


def _greet(request: Request) -> Reply | None:
    """Answer the ping of a new hook.

    That it is one says a header that is not signed. Whoever changes it hides an event
    that he could have kept to himself.
    """
    return Reply(status=200) if request.headers.get(_EVENT) == "ping" else None


GITHUB: Final = Sender(
    read=_read,
    greet=_greet,
    headers=frozenset({_ID, _EVENT}),
    takes_forms=True,
    keep=3 * DAY,  # nothing is sent again but by hand, for three days
    max_body=25 * MIB,
    patience=10.0,
)
