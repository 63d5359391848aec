"""Slack: events as JSON; commands and actions as forms."""

# https://docs.slack.dev/apis/events-api and https://docs.slack.dev/interactivity

from __future__ import annotations

__all__ = ("SLACK",)

from collections.abc import Sequence
from typing import Any, Final

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import FORM, Reply, Request
from upcall.webhooks.codec import JSON

from .bridged import BRIDGED, read_bridged
from .contract import Incoming, Sender, digest_of, wanted
from .forms import Form, field, read_form

_TIME: Final = "x-slack-request-timestamp"


def _read(request: Request) -> Sequence[Incoming]:
    if request.media_type == FORM:
        return [_read_form(request)]

    plain = request.plain()

    match plain:
        case {
            "type": "event_callback",
            "event_id": str(id_),
            "event": {"type": str(kind)},
        }:
            return [Incoming(id=id_, digest=None, type=kind, payload=plain)]
        case _:
            return [read_bridged(request, plain, signed=True)]


def _read_form(request: Request) -> Incoming:
    """Read a command or an action.

    Neither has an id. Time and body are what is signed: together they are one.
    """
    form = read_form(request)
    kind, payload = _action(form) if "payload" in form else _command(form)
    id_ = digest_of(wanted(request, _TIME).encode("latin-1"), request.body)
    return Incoming(id=id_, digest=None, type=kind, payload=payload)


def _action(form: Form) -> tuple[str, Any]:
    payload = JSON.decode(field(form, "payload").encode())

    match payload:
        case {"type": str(kind)}:
            return kind, payload
        case _:
            raise Refusal(400, 'the action is no object with a text as its "type"')


def _command(form: Form) -> tuple[str, Any]:
    command = field(form, "command").removeprefix("/")

    if not command:
        raise Refusal(400, "the form has neither a command nor a payload")

    return f"command.{command}", form


def _greet(request: Request) -> Reply | None:
    """Answer whoever sets up the URL of events, or looks after that of commands."""
    if request.media_type == FORM:
        return Reply(status=200) if b"ssl_check=1" in request.body.split(b"&") else None

    if b"url_verification" not in request.body:
        return None

    match request.plain():
        case {"type": "url_verification", "challenge": str(challenge)}:
            return Reply(
                status=200,
                body=challenge.encode(),
                media_type="text/plain; charset=utf-8",
            )
        case _:
            return None


SLACK: Final = Sender(
    read=_read,
    greet=_greet,
    headers=BRIDGED | {_TIME},
    takes_forms=True,
    keep=3600.0,  # events are sent again for six minutes, anything else never
    status=200,
    patience=3.0,
)
