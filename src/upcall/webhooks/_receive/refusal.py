"""Why a request is not taken: a status for the sender, the reason for the log."""

# Rule 1: what the sender is told depends on the status alone, so a refusal says nothing
#   that could help to forge the next request. The reason goes to the log.

from __future__ import annotations

__all__ = ("TEXTS", "Refusal", "SenderGone")

from collections.abc import Mapping, Sequence
from typing import Final

TEXTS: Final[Mapping[int, str]] = {
    400: "the request is malformed",
    401: "the signature is missing, wrong or stale",
    404: "no webhooks are received here",
    405: "send a POST",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "this content type or content encoding is not taken",
    429: "too many requests: send them again later",
    500: "the event could not be handled: send it again",
    503: "the event could not be stored: send it again later",
}
"""What the sender is told, by status."""


class Refusal(Exception):  # noqa: N818 (an answer, not an error of ours)
    """Ends the handling of a request with this answer.

    Attributes:
        status: the status of the answer; a key of `TEXTS`.
        reason: what the log is told. Never holds a secret.
        headers: more headers of the answer.
    """

    def __init__(
        self, status: int, reason: str, *, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        super().__init__(f"{status}: {reason}")


class SenderGone(Exception):  # noqa: N818 (as above)
    """The sender hung up before its request was whole; there is nobody to answer."""
