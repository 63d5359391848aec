"""What is put in the place of a secret before anything is shown or put on record."""

from __future__ import annotations

__all__ = ("MASK", "mask_headers", "mask_url")

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

MASK: Final = "***"

_SECRET: Final = re.compile(
    r"signature|authorization|cookie|token|secret|key", re.IGNORECASE
)
_USER: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)


def mask_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers, with the values masked that are or may be a secret."""
    return tuple(
        [(name, MASK if _is_secret(name) else value) for name, value in headers]
    )


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def mask_url(url: str) -> str:
    """Return the URL with its user part and the values of its query masked.

    Query strings of webhook URLs often hold a token, with a name or without.
    """
    place, mark, query = url.partition("#")[0].partition("?")

    if "@" in place:
        place = _USER.sub(rf"\1{MASK}@", place)

    return place + mark + "&".join(map(_mask_part, query.split("&")))


def _mask_part(part: str) -> str:
    name, sign, _ = part.partition("=")
    return f"{name}={MASK}" if sign else MASK if part else ""
