"""HTTP header fields: which may be sent, and how one is read strictly."""

# Rule 1: what is refused is named, never its value: values of headers hold secrets.
# Rule 2: names and values follow RFC 9110, sections 5.1 and 5.5, without its leniency.

from __future__ import annotations

__all__ = ("FRAMING", "Lowered", "check_header", "single")

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from upcall.errors import OptionError

from .errors import SignatureError

FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Names in lower case that belong to the transport: they say where a request ends."""

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(
    r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
)


def check_header(name: str, value: str) -> None:
    """Return if this header may be sent with a request.

    Raises:
        OptionError: if the name is no token, if the value has control characters, edge
            blanks or characters outside latin-1, or if the transport owns the name.
    """
    _check_name(name)

    if not _VALUE.fullmatch(value):
        raise OptionError(
            f"the value of the header {name!r} has a control character, a blank at an "
            "end, or a character outside latin-1: take it out"
        )


class Lowered(dict[str, str]):
    """Headers whose names have been put into lower case, so that one look finds one."""

    __slots__ = ()


def single(headers: Mapping[str, object], name: str) -> str:
    """Return the one value that ``name`` has, whatever the case of its letters.

    A mapping that holds a name several times (as those of web frameworks do) shows that
    in its ``items()``; so does a plain one with ``a`` and ``A``.

    Raises:
        SignatureError: if the header is missing, is there twice, or is no text.
    """
    wanted = name.lower()

    if isinstance(headers, Lowered) and wanted in headers:
        return headers[wanted]

    found = [value for key, value in headers.items() if str(key).lower() == wanted]

    if not found:
        raise SignatureError(f"the header {name} is missing")

    if len(found) > 1:
        raise SignatureError(f"the header {name} is there {len(found)} times")

    if not isinstance(found[0], str):
        raise SignatureError(f"the header {name} is no text")

    return found[0]


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    """Check a name; they are few, and come with every request."""
    if not _NAME.fullmatch(name):
        raise OptionError(
            f"{name!r} is no header name: use letters, digits and hyphens"
        )

    if name.lower() in FRAMING:
        raise OptionError(f"the header {name!r} is set by the transport: leave it out")
