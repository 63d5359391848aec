"""What interceptors may do with an envelope: let it go on, replace it, or stop it."""

from __future__ import annotations

__all__ = ("STOP", "passed_by")

from collections.abc import Iterable
from typing import Any, Final, TypeGuard, final

from upcall.errors import OptionError

from .envelope import Envelope
from .failures import noted
from .kinds import describe
from .subscribed import Subscribed


@final
class _Stop:
    """What an interceptor returns to end an emission before anybody hears it."""

    def __repr__(self) -> str:
        return "upcall.STOP"


STOP: Final = _Stop()
"""What an interceptor returns so that nobody hears an emission; see `Bus.intercept`."""


def passed_by(
    interceptors: Iterable[Subscribed[..., Any]], envelope: Envelope[Any]
) -> Envelope[Any] | None:
    """Show the envelope to each; return what they make of it, None if one stops it.

    Raises:
        OptionError: one returned what it may not.
        Exception: whatever one raises, with a note.
    """
    for interceptor in interceptors:
        answer = _ask(interceptor, envelope)

        if answer is STOP:
            return None

        if answer is not None:
            envelope = _checked(answer, envelope, interceptor)

    return envelope


def _ask(interceptor: Subscribed[..., Any], envelope: Envelope[Any]) -> object:
    try:
        return interceptor.target(envelope)
    except Exception as error:
        noted(error, interceptor.target, envelope.name)
        raise


def _checked(
    answer: object, envelope: Envelope[Any], interceptor: Subscribed[..., Any]
) -> Envelope[Any]:
    """Refuse what an interceptor may not return."""
    if _is_envelope(answer) and type(answer.payload) is type(envelope.payload):
        return answer

    raise OptionError(
        f"the interceptor {describe(interceptor.target)} returned {answer!r}: return "
        "None (go on), an envelope with a payload of the same type, or upcall.STOP"
    )


def _is_envelope(answer: object) -> TypeGuard[Envelope[Any]]:
    return isinstance(answer, Envelope)
