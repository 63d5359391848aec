"""Signatures as headers write them: hex and base64, each read in its one form."""

# Rule 1: decoders forgive capitals, blanks, line breaks, lost padding and stray bits;
#   we forgive nothing. Two texts for one signature would give a captured request a
#   second face.

from __future__ import annotations

__all__ = ("read_base64", "read_hex", "write_base64")

import base64
import re
from typing import Final

_HEX: Final = re.compile(r"[0-9a-f]*")


def read_hex(text: str, *, size: int, prefix: str = "") -> bytes | None:
    """Decode so many bytes after the prefix, in small letters; None for all else."""
    if len(text) != len(prefix) + 2 * size or not text.startswith(prefix):
        return None

    digits = text[len(prefix) :]
    return bytes.fromhex(digits) if _HEX.fullmatch(digits) else None


def read_base64(text: str) -> bytes | None:
    """Decode what `write_base64` wrote; None for anything else, and for nothing."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None

    return raw if raw and write_base64(raw) == text else None


def write_base64(raw: bytes) -> str:
    """Encode in the standard alphabet, with padding, on one line."""
    return base64.b64encode(raw).decode("ascii")
