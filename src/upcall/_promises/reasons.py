"""Why a promise is rejected: which exceptions can be a reason, and become one."""

from __future__ import annotations

__all__ = ("chain", "check_reason", "reason_of")

from upcall._loops.which import is_cancellation
from upcall.errors import PromiseCancelledError, WrongTypeError


def check_reason(reason: object) -> BaseException:
    """Return the reason, made from its class if need be, as ``raise`` does.

    Raises:
        WrongTypeError: if it is no exception: in Python, only those can be raised.
    """
    if isinstance(reason, type) and issubclass(reason, BaseException):
        reason = reason()

    if not isinstance(reason, BaseException):
        raise WrongTypeError(
            f"a promise is rejected with an exception, and {reason!r} is none: "
            "wrap it in one"
        )

    return reason


def reason_of(error: BaseException) -> tuple[BaseException, bool]:
    """Tell what becomes of an error that flew out of foreign code.

    Returns:
        The reason to reject with, and whether the error has to fly on besides, as
        `KeyboardInterrupt` has. A cancellation by asyncio or trio (of a future whose
        result was asked for, say) becomes an error of ours, for whoever awaited the
        promise would take it for a cancellation of their own.
    """
    if isinstance(error, Exception):
        return error, False

    if not is_cancellation(error):
        return error, True

    reason = PromiseCancelledError("what should have settled the promise was cancelled")
    reason.__cause__ = error
    return reason, False


def chain(error: BaseException, reason: BaseException) -> None:
    """Note on an error which reason was being handled when it was raised.

    ``raise`` in an ``except`` block does so by itself; a handler is in no such block.
    """
    step: BaseException | None = reason

    while step is not None and step is not error:
        step = step.__context__

    if step is None and error.__context__ is None:
        error.__context__ = reason
