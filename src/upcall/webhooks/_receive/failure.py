"""What an emission failed of, in words that fit on record."""

from __future__ import annotations

__all__ = ("told",)

from collections.abc import Iterator
from typing import Final, cast

from .refusal import Refusal

_LONGEST: Final = 4000


def told(failure: Exception) -> str:
    """Return what went wrong: the error of each callback, and which callback it was.

    At most 4000 characters of it. Where in the code it happened is for the log.
    """
    try:
        text = "\n".join(_lines(failure))
    except Exception as error:  # noqa: BLE001 (said in its place)
        text = f"{type(failure).__name__}, whose text is a {type(error).__name__}"

    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _lines(failure: Exception) -> Iterator[str]:
    if isinstance(failure, Refusal):
        yield failure.reason
    elif isinstance(failure, ExceptionGroup):
        for each in cast("ExceptionGroup[Exception]", failure).exceptions:
            yield from _lines(each)
    else:
        yield f"{type(failure).__name__}: {failure}"
        yield from getattr(failure, "__notes__", ())
