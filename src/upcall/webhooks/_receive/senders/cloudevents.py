"""CloudEvents 1.0 over HTTP: one in JSON, one in headers, or a batch of them."""

# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

from __future__ import annotations

__all__ = ("of_cloudevents",)

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Request

from .bridged import header_text
from .contract import Incoming, Sender, digest_of

_NEEDED: Final = ("id", "source", "type")
_PREFIX: Final = "ce-"
_SIGNED_IDS: Final = ("webhook-id", "svix-id")


def of_cloudevents(sender: Sender, *, signed: bool) -> Sender:
    """Return the sender of CloudEvents that signs like this one.

    Args:
        sender: who signs.
        signed: whether it signs the body.
    """

    def read(request: Request) -> Sequence[Incoming]:
        return _read(request, signed=signed)

    return Sender(
        read=read,
        headers=frozenset({_PREFIX, *_SIGNED_IDS}),
        keep=sender.keep,
        max_body=sender.max_body,
        patience=sender.patience,
    )


def _read(request: Request, *, signed: bool) -> Sequence[Incoming]:
    if request.media_type.startswith("application/cloudevents-batch"):
        return [_structured(each) for each in _listed(request.plain())]

    if request.media_type.startswith("application/cloudevents"):
        return [_structured(request.plain())]

    return [_binary(request, signed=signed)]


def _listed(plain: object) -> list[object]:
    if isinstance(plain, list):
        return cast("list[object]", plain)

    raise Refusal(400, "the batch is no array")


def _structured(plain: object) -> Incoming:
    """Read an event in JSON (JSON Event Format 1.0, 3)."""
    if not isinstance(plain, dict):
        raise Refusal(400, "the CloudEvent is no object")

    event = cast("dict[str, object]", plain)
    return _incoming(event, payload=_data(event), digest=None)


def _data(event: Mapping[str, object]) -> object:
    if "data_base64" not in event:
        return event.get("data")

    if "data" in event:
        raise Refusal(400, "the CloudEvent has data and data_base64")

    try:
        return base64.b64decode(cast("Any", event["data_base64"]), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Refusal(400, "data_base64 is no base64") from None


def _binary(request: Request, *, signed: bool) -> Incoming:
    """Read an event whose attributes are in headers, which no scheme signs."""
    attributes = {
        name.removeprefix(_PREFIX): header_text(value)
        for name, value in request.headers.items()
        if name.startswith(_PREFIX)
    }
    ids = (request.headers.get(name, "").encode("latin-1") for name in _SIGNED_IDS)
    digest = digest_of(*ids, request.body) if signed else None
    return _incoming(attributes, payload=request.plain(), digest=digest)


def _incoming(
    event: Mapping[str, object], *, payload: object, digest: str | None
) -> Incoming:
    if event.get("specversion") != "1.0":
        raise Refusal(400, 'there is no CloudEvent with specversion "1.0"')

    id_, source, kind = (_attribute(event, name) for name in _NEEDED)
    return Incoming(id=id_, owner=source, digest=digest, type=kind, payload=payload)


def _attribute(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)

    if isinstance(value, str) and value:
        return value

    raise Refusal(400, f"the CloudEvent has no {name}")
