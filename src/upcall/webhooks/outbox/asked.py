"""How records are asked for: by number, by page, by state, by time."""

from __future__ import annotations

__all__ = ("aware", "before_of", "limit_of", "number_of", "state_of")

from datetime import datetime
from typing import Protocol

from upcall.errors import OptionError
from upcall.webhooks._proto.delivery import State


class _Record(Protocol):
    """What is on record under a number."""

    @property
    def id(self) -> int: ...


def number_of(given: object, kind: type[_Record], what: str) -> int:
    """Return the number of a record, or of what is one already.

    Args:
        given: a record, or its number.
        kind: of the record.
        what: how it is called, for the message.

    Raises:
        OptionError: if it is neither.
    """
    if isinstance(given, kind):
        return given.id

    if isinstance(given, int) and not isinstance(given, bool):
        return given

    raise OptionError(f"{given!r}: give {what}, or the number of one")


def before_of(given: object, kind: type[_Record], what: str) -> int | datetime | None:
    """Return the end of a page: a number, a time, or None; see `number_of`."""
    if given is None:
        return None

    return aware(given) if isinstance(given, datetime) else number_of(given, kind, what)


def aware(time: datetime) -> datetime:
    """Return it, or raise an OptionError if it has no zone."""
    if time.tzinfo is None:
        raise OptionError(f"{time!r} has no time zone: give an aware datetime")

    return time


def limit_of(limit: object) -> int:
    """Return it, or raise an OptionError if it is no number from 1 on."""
    if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1:
        return limit

    raise OptionError(f"limit={limit!r}: give a number from 1 on")


def state_of(state: str | None) -> State | None:
    """Return the state of that name, None for None; or raise an OptionError."""
    try:
        return None if state is None else State(state)
    except ValueError:
        raise OptionError(f"state={state!r}: give one of {', '.join(State)}") from None
