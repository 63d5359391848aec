"""A request that `upcall listen` got: as one line for people, or as JSON."""

# Rule 1: it is written by a stranger: shown are neither its secrets (values of headers
#   and of the query) nor characters that a terminal would obey.
# Rule 2: its type and its id are looked up to be shown, signed or not; nothing is
#   decided by them but which attempt it is.

from __future__ import annotations

__all__ = ("Received", "printable")

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

import attrs

from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks._proto.mask import mask_headers, mask_url
from upcall.webhooks.codec import JSON

_GAP: Final = "  "
_LONGEST: Final = 200
_TYPES: Final = ("x-github-event", "x-shopify-topic", "ce-type", "upcall-event")
_IDS: Final = (
    "webhook-id",
    "svix-id",
    "x-github-delivery",
    "x-shopify-event-id",
    "x-shopify-webhook-id",
    "i-twilio-idempotency-token",
    "ce-id",
    "upcall-id",
)


@attrs.define(eq=False, kw_only=True)
class Received:
    """One request, as far as it is known by now."""

    time: datetime
    """When its head was there."""

    method: str
    path: str
    """With the query."""

    headers: Mapping[str, str]
    """By name in lower case."""

    raw_headers: tuple[tuple[str, str], ...]
    """As they came, repeated ones too."""

    body: bytes | None = None
    """None if it was not read to its end."""

    verified: bool | None = None
    """None if nobody asked."""

    reason: str | None = None
    """Why it was refused, or had another answer than was to be expected."""

    type: str | None = None
    id: str | None = None

    status: int | None = None
    """Of the answer; None without one."""

    def take(self, body: bytes) -> None:
        """Take in the body, and look for type and id in it and in the headers."""
        self.body = body
        content = _content(body)
        self.type = _first(self.headers, _TYPES) or _text(content.get("type"))
        self.id = (
            _first(self.headers, _IDS)
            or _text(content.get("id"))
            or _text(content.get("event_id"))
        )

    def line(self) -> str:
        """Return it in one line."""
        size = "-" if self.body is None else f"{len(self.body)} B"
        parts = (
            f"{self.time:%H:%M:%S}",
            self.method,
            mask_url(self.path),
            self._verdict(),
            self.type or "-",
            self.id or "-",
            size,
            f"-> {self.status or 'no answer'}",
        )
        return _GAP.join(map(printable, parts))

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it; a body that is no text is in base64."""
        text, encoded = _as_text(self.body)
        return {
            "time": self.time.isoformat(),
            "method": self.method,
            "path": mask_url(self.path),
            "verified": self.verified,
            "reason": self.reason,
            "type": self.type,
            "id": self.id,
            "size": None if self.body is None else len(self.body),
            "status": self.status,
            "headers": dict(mask_headers(self.headers.items())),
            "body": text,
            "body_base64": encoded,
        }

    def _verdict(self) -> str:
        known = {True: "verified", False: "NOT VERIFIED", None: "unverified"}
        word = "refused" if self.body is None else known[self.verified]
        return word if self.reason is None else f"{word} ({self.reason})"


def printable(text: str) -> str:
    """Return what a terminal may be shown: no more than a line, nothing it obeys."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)


def _content(body: bytes) -> Mapping[str, object]:
    try:
        content = JSON.decode(body)
    except PayloadError:
        return {}  # a form, for example: what it is called is not to be seen

    return cast("dict[str, object]", content) if isinstance(content, dict) else {}


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if headers.get(name)), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_text(body: bytes | None) -> tuple[str | None, str | None]:
    if body is None:
        return None, None

    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()
