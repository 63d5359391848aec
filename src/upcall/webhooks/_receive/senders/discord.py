"""Discord: interactions, which want an answer with a body, and webhook events."""

# https://docs.discord.com/developers/interactions/receiving-and-responding
# https://docs.discord.com/developers/events/webhook-events

from __future__ import annotations

__all__ = ("DISCORD",)

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from upcall.webhooks._receive.request import Reply, Request

from .bridged import BRIDGED, read_bridged
from .contract import Incoming, Sender, digest_of

_INTERACTIONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "application_command",
        3: "message_component",
        4: "application_command_autocomplete",
        5: "modal_submit",
    }
)


def _json(body: bytes) -> Reply:
    return Reply(status=200, body=body, media_type="application/json")


_PONG: Final = _json(b'{"type":1}')

_DEFERRED: Final = _json(b'{"type":5}')
"""Says that an answer will follow: a callback sends it, with the payload's token."""

_NO_CHOICES: Final = _json(b'{"type":8,"data":{"choices":[]}}')
"""Suggestions for a text that is being typed cannot follow later."""

_EMPTY: Final = Reply(status=204)


def _read(request: Request) -> Sequence[Incoming]:
    plain = request.plain()

    match plain:
        case {"type": 1, "event": {"type": str(kind)}}:
            # It has no id. Its time is in it, so the body alone is like nothing else.
            return [
                Incoming(
                    id=digest_of(request.body),
                    digest=None,
                    type=kind.lower(),
                    payload=plain,
                    reply=_EMPTY,
                )
            ]
        case {"id": str(id_), "type": int(number)}:
            return [
                Incoming(
                    id=id_,
                    digest=None,
                    type=_INTERACTIONS.get(number, f"interaction_{number}"),
                    payload=plain,
                    reply=_NO_CHOICES if number == 4 else _DEFERRED,  # noqa: PLR2004 (the key above)
                )
            ]
        case _:
            return [read_bridged(request, plain, signed=True)]


def _greet(request: Request) -> Reply | None:
    """Answer the PING of interactions, type 1, or that of webhook events, type 0."""
    match request.plain():
        case {"event": _}:
            return None
        case {"type": 1}:
            return _PONG
        case {"type": 0}:
            return _EMPTY
        case _:
            return None


DISCORD: Final = Sender(
    read=_read,
    greet=_greet,
    headers=BRIDGED,
    keep=3600.0,  # events are sent again for ten minutes, interactions never
    status=200,
    patience=3.0,
)
