"""A request as it came in, and the answer that its sender wants."""

from __future__ import annotations

__all__ = ("FORM", "Reply", "Request", "media_type_of")

from collections.abc import Mapping
from functools import lru_cache
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
        return media_type_of(self.headers.get("content-type", ""))

    def plain(self) -> Any:
        """Return what the body says, as plain data.

        Raises:
            PayloadError: if it is no JSON that we take.
        """
        return JSON.decode(self.body)


@lru_cache(maxsize=64)
def media_type_of(content_type: str) -> str:
    """Return what the value of a ``Content-Type`` has before its parameters."""
    return content_type.partition(";")[0].strip().lower()


@attrs.frozen(kw_only=True)
class Reply:
    """What a sender is told whose request was taken."""

    status: int = 202

    body: bytes = b""

    media_type: str | None = None
    """Of the body; None if there is none."""

    headers: tuple[tuple[str, str], ...] = ()
    """More of them."""
