"""A request as it came in, and the answer that its sender wants."""

from __future__ import annotations

__all__ = ("FORM", "Reply", "Request")

from collections.abc import Mapping
from typing import Any, Final

import attrs

from upcall.webhooks.codec import JSON

FORM: Final = "application/x-www-form-urlencoded"


@attrs.frozen(kw_only=True)
class Request:
    """What came in. With nothing but the headers that its source keeps, it is whole."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    """By name in lower case; the values of a repeated one are joined by commas."""

    body: bytes = attrs.field(repr=False)
    """As it came, before any decoding: this is what was signed."""

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters; "" if there is none."""
        given = self.headers.get("content-type", "")
        return given.partition(";")[0].strip().lower()

    def plain(self) -> Any:
        """Return what the body says, as plain data.

        Raises:
            PayloadError: if it is no JSON that we take.
        """
        return JSON.decode(self.body)


@attrs.frozen(kw_only=True)
class Reply:
    """What a sender is told whose request was taken."""

    status: int = 202

    body: bytes = b""

    media_type: str | None = None
    """Of the body; None if there is none."""

    headers: tuple[tuple[str, str], ...] = ()
    """More of them."""
