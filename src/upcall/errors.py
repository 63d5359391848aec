"""Every error of the core, as a tree.

- `UpcallError`: the root; catch it to catch us.

  - `CallbackErrors` (also `ExceptionGroup`): callbacks of one emission failed.
  - `CallbackTimeoutError` (also `TimeoutError`): a callback overran its `timeout=`.
  - `CallbackCancelledError`: a callback ended cancelled, and nobody had cancelled it.
  - `BusNotOpenError`: background work was asked of a bus that is not open.
  - `WrongThreadError` (also `RuntimeError`): called from a thread it does not serve.

    - `WrongLoopError`: a promise was used in another event loop than its own.

  - `NoRunningLoopError` (also `RuntimeError`): no event loop runs here.
  - `MalformedKeyError` (also `ValueError`): no class, name or pattern.
  - `OptionError` (also `ValueError`): an option that makes no sense here.

    - `WrongTypeError` (also `TypeError`): nor does anything else of its type.

  - `StreamFullError`: a stream had no room.
  - `PromiseCancelledError`: the promise was cancelled.
  - `PromiseTimeoutError` (also `TimeoutError`): the promise took too long.
  - `AllRejectedError`: `Promise.any` found no promise that was fulfilled.

The errors of the bridge stand in `upcall.webhooks`, under the same root.
"""

from __future__ import annotations

__all__ = (
    "AllRejectedError",
    "BusNotOpenError",
    "CallbackCancelledError",
    "CallbackErrors",
    "CallbackTimeoutError",
    "MalformedKeyError",
    "NoRunningLoopError",
    "OptionError",
    "PromiseCancelledError",
    "PromiseTimeoutError",
    "StreamFullError",
    "UpcallError",
    "WrongLoopError",
    "WrongThreadError",
    "WrongTypeError",
)

from collections.abc import Sequence
from typing import Self


class UpcallError(Exception):
    """The root of every error that Upcall raises by itself."""


class CallbackErrors(UpcallError, ExceptionGroup[Exception]):  # noqa: N818 (a group: it holds several)
    """One or more callbacks of an emission failed; all the others have run.

    Raised for a single failure too, so ``except*`` always works. Each error in it has
    a note that names the callback, its place in the source, and the event.
    """

    def derive(self, excs: Sequence[Exception], /) -> Self:  # type: ignore[override]
        """Make a smaller group of the same kind, as ``except*`` does."""
        return type(self)(self.message, excs)


class CallbackTimeoutError(UpcallError, TimeoutError):
    """A callback overran the ``timeout=`` of its subscription and was cancelled."""


class CallbackCancelledError(UpcallError):
    """A callback ended cancelled though nobody had cancelled it."""


class BusNotOpenError(UpcallError):
    """Background work was asked of a bus that is not open (or of no bus at all)."""


class WrongThreadError(UpcallError, RuntimeError):
    """Called from a thread other than the one it belongs to."""


class WrongLoopError(WrongThreadError):
    """A promise was used in an event loop other than its own."""


class NoRunningLoopError(UpcallError, RuntimeError):
    """An event loop is needed, and none runs in this thread."""


class MalformedKeyError(UpcallError, ValueError):
    """What was given is no event class, no name and no pattern."""


class OptionError(UpcallError, ValueError):
    """An option makes no sense, alone or for this kind of callback."""


class WrongTypeError(OptionError, TypeError):
    """An argument is of a type that makes no sense here: no callable, no future."""


class StreamFullError(UpcallError):
    """A stream has no room for another payload, and may not drop or wait."""


class PromiseCancelledError(UpcallError):
    """The promise was cancelled."""


class PromiseTimeoutError(UpcallError, TimeoutError):
    """The promise was not settled in time."""


class AllRejectedError(UpcallError):
    """No promise was fulfilled, so `Promise.any` has nothing to give.

    Attributes:
        errors: the reasons, in the order of the input; empty for an empty input.
    """

    def __init__(self, errors: Sequence[BaseException] = ()) -> None:
        self.errors: tuple[BaseException, ...] = tuple(errors)
        found = ", ".join(repr(e) for e in self.errors[:3])
        more = ", ..." if len(self.errors) > 3 else ""  # noqa: PLR2004
        text = f"all of them were rejected: {found}{more}" if found else "nothing given"
        super().__init__(f"no promise was fulfilled: {text}")
