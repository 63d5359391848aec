"""Content encodings: what a body is unpacked from, within bounds."""

# Rule 1: a body is verified as it came and unpacked afterwards, so strangers cannot
#   make us unpack anything.

from __future__ import annotations

__all__ = ("ENCODINGS", "check_encoding", "unpacked")

import zlib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from .refusal import Refusal
from .request import Request

ENCODINGS: Final[Mapping[str, int]] = MappingProxyType(
    {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
)
"""What can be unpacked (RFC 9110, 8.4.1), and how zlib is told so."""

_PLAIN: Final = "identity"


def check_encoding(headers: Mapping[str, str], allowed: Collection[str]) -> None:
    """Return if the body comes as it is, or packed as is allowed.

    Raises:
        Refusal: 415.
    """
    encoding = _encoding_of(headers)

    if encoding is not None and encoding not in allowed:
        raise Refusal(
            415,
            f"Content-Encoding: {encoding!r} is not decoded",
            headers=[("accept-encoding", ", ".join((*allowed, _PLAIN)))],
        )


def unpacked(request: Request, *, limit: int) -> Request:
    """Return the request with its body unpacked, if it is packed.

    Raises:
        Refusal: 413, if it is longer than the limit then; 400, if it is not packed so,
            ends too early, or has something behind its end.
    """
    encoding = _encoding_of(request.headers)

    if encoding is None:
        return request

    return attrs.evolve(request, body=_unpack(request.body, encoding, limit))


def _unpack(body: bytes, encoding: str, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=ENCODINGS[encoding])

    try:
        whole = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(400, f"the body is not packed as {encoding!r}") from None

    if len(whole) > limit:
        raise Refusal(413, f"unpacked there are more than the {limit} bytes allowed")

    if not unpacker.eof or unpacker.unused_data:
        raise Refusal(400, f"the body is not one whole of {encoding!r}")

    return whole


def _encoding_of(headers: Mapping[str, str]) -> str | None:
    """Return what the body is packed with, None for nothing."""
    given = headers.get("content-encoding")

    if given is None:
        return None

    encoding = given.strip().lower()
    return None if encoding == _PLAIN else encoding
