"""The envelope: one emission's id, name, payload, time and cause."""

from __future__ import annotations

__all__ = ("CAUSE", "Envelope", "check_id", "make_envelope", "new_id")

import os
import re
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import attrs

from upcall.errors import OptionError

T_co = TypeVar("T_co", covariant=True)

CAUSE: ContextVar[str | None] = ContextVar("upcall_cause", default=None)
"""The id of the nearest enclosing emission that has an envelope."""

_ID = re.compile(r"[!-\-/-~]{1,200}")  # printable ASCII but for the dot and the blank

_LOCK = threading.Lock()
_last = 0


@attrs.frozen(kw_only=True)
class Envelope(Generic[T_co]):
    """One emission, as seen by those who asked for more than its payload.

    There is one envelope per emission, shared by all who hear it, on every bus it is
    forwarded to. It is made only if somebody asks. It is immutable, and may go to any
    thread.
    """

    id: str
    """Unique, without dots. The one given to the emit, or else a UUID of version 7.

    Those (RFC 9562, 5.7) sort by time, as text too, and strictly rise in a process.
    """

    name: str
    """The name of the event; empty for a class that was not given one by `@event`."""

    payload: T_co
    """What the callbacks take."""

    time: datetime
    """When the emission began; aware, UTC."""

    cause: str | None = None
    """The id of the nearest enclosing emission that has an envelope, if any."""


def new_id() -> str:
    """Make an id: a UUID of version 7 (RFC 9562, 5.7), above all made before it.

    The first 48 bits are the milliseconds of the Unix time, so ids sort by time, as
    text too. Within a millisecond, and when the clock is turned back, it counts on
    from the last one. Safe from any thread.
    """
    global _last  # noqa: PLW0603 (one counter per process is what the promise is about)
    fresh = time.time_ns() // 1_000_000 << 74 | int.from_bytes(os.urandom(9)) >> 1

    with _LOCK:
        _last = number = max(fresh, _last + 1)

    return _as_uuid(number)


def _as_uuid(number: int) -> str:
    """Lay 122 counting bits out around the six fixed ones of a UUID."""
    top, middle, low = number >> 74, number >> 62 & 0xFFF, number & (1 << 62) - 1
    text = f"{top << 80 | 7 << 76 | middle << 64 | 2 << 62 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def check_id(id: object) -> str:
    """Return an id given by the user, or raise.

    Raises:
        OptionError: if it is no text, empty, longer than 200 characters, or has a dot,
            white space or a character outside printable ASCII (it becomes a header).
    """
    if isinstance(id, str) and _ID.fullmatch(id):
        return id

    raise OptionError(
        f"id={id!r} cannot be the id of an event: give 1 to 200 printable ASCII "
        "characters without dots and spaces"
    )


def make_envelope(name: str, payload: Any, id: str | None = None) -> Envelope[Any]:
    """Put a payload into an envelope, stamped now, caused by what encloses it."""
    return Envelope(
        id=new_id() if id is None else check_id(id),
        name=name,
        payload=payload,
        time=datetime.now(UTC),
        cause=CAUSE.get(),
    )
