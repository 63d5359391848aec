"""The handshake of CloudEvents: a sender asks by OPTIONS whether it may send."""

# HTTP 1.1 Web Hooks for Event Delivery 1.0.2, 4 ("Abuse Protection").
#
# Rule 1: permission is in the answer. The callback that a sender may offer for a later
#   one is never called: it is a URL that a stranger chose.

from __future__ import annotations

__all__ = ("grant",)

import re
from collections.abc import Mapping
from typing import Final

from .refusal import Refusal
from .request import Reply

_ORIGIN: Final = re.compile(r"[A-Za-z0-9.*:_\[\]-]{1,255}")
_RATE: Final = re.compile(r"[1-9][0-9]{0,8}")


def grant(headers: Mapping[str, str], *, rate: float | None) -> Reply:
    """Return the permission that was asked for.

    Args:
        headers: of the request.
        rate: how many requests a second may have; None for any number.

    Raises:
        Refusal: 400, if the sender does not say who asks, or asks for no number.
    """
    origin = headers.get("webhook-request-origin", "")
    asked = headers.get("webhook-request-rate", "1")

    if not (_ORIGIN.fullmatch(origin) and _RATE.fullmatch(asked)):
        raise Refusal(400, "OPTIONS without a good WebHook-Request-Origin, or -Rate")

    return Reply(
        status=200,
        headers=(
            ("allow", "OPTIONS, POST"),
            ("webhook-allowed-origin", origin),
            ("webhook-allowed-rate", _per_minute(rate)),
        ),
    )


def _per_minute(rate: float | None) -> str:
    return "*" if rate is None else str(max(1, int(rate * 60)))
