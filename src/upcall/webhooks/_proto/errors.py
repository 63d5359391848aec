"""Every error of the bridge, under the root of the core.

- `UpcallError`

  - `OutboxError`: the outbox could not store or read.

    - `ConflictError`: this id is stored already, with other bytes.

  - `BridgeClosedError`: an event came for a bridge that is closed.
  - `BlockedError`: the guard refuses this URL or address.
  - `SignatureError`: a request is not signed as it should be.
  - `PayloadError`: a payload cannot be encoded, decoded, or is too large.
  - `EndpointError`: an endpoint cannot be registered as it is, or is not known.
"""

from __future__ import annotations

__all__ = (
    "BlockedError",
    "BridgeClosedError",
    "ConflictError",
    "EndpointError",
    "OutboxError",
    "PayloadError",
    "SignatureError",
)

from upcall.errors import UpcallError


class OutboxError(UpcallError):
    """The outbox could not store or read; nothing was accepted by this call."""


class ConflictError(OutboxError):
    """A message of this id is stored already, and its bytes are different."""


class BridgeClosedError(UpcallError):
    """An event came for a bridge that is closed; it was not accepted."""


class BlockedError(UpcallError):
    """The guard refuses this URL or address, for the reason given.

    Attributes:
        permanent: whether it would be refused again: True for what the text of the
            URL tells, False for an answer of the name service, which may change.
    """

    def __init__(self, text: str, *, permanent: bool = True) -> None:
        self.permanent = permanent
        super().__init__(text)


class SignatureError(UpcallError):
    """A request is not signed as its scheme asks: missing, malformed, wrong, stale."""


class PayloadError(UpcallError):
    """A payload cannot be encoded or decoded, or is larger than allowed."""


class EndpointError(UpcallError, ValueError):
    """An endpoint cannot be registered as it is, or is not known."""
