"""Formats: what the body of a request looks like, and the headers that belong to it."""

# Rule 1: a message is JSON that somebody else encoded: it is put in, never parsed.
# Rule 2: the same message in the same format gives the same bytes, on every attempt.

from __future__ import annotations

__all__ = (
    "EVENT_HEADERS",
    "FORMATS",
    "Rendered",
    "needs_source",
    "render",
    "standard_body",
)

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import quote

import attrs

from .message import Message

_Headers: TypeAlias = tuple[tuple[str, str], ...]
_Made: TypeAlias = tuple[_Headers, bytes]
"""The headers that say what the body is, and the body."""

_JSON: Final[_Headers] = (("Content-Type", "application/json"),)
_CLOUDEVENT: Final[_Headers] = (
    ("Content-Type", "application/cloudevents+json; charset=utf-8"),
)
_AGENT: Final[_Headers] = (("User-Agent", "Upcall"),)
_VISIBLE: Final = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')
_WITH_SOURCE: Final = ("cloudevents", "cloudevents-binary")
EVENT_HEADERS: Final = MappingProxyType(
    {"github": "X-GitHub-Event", "shopify": "X-Shopify-Topic"}
)
"""Where receivers of a scheme look for the name of the event, if not in the body."""

_WITHOUT_ID: Final = frozenset({"bearer", "discord", "none", "slack", "stripe"})
"""Schemes whose headers do not say the id of the message."""


@attrs.frozen(kw_only=True)
class Rendered:
    """A message as it is sent, but for signatures and the endpoint's own headers."""

    headers: _Headers
    body: bytes = attrs.field(repr=False)


def render(
    message: Message, *, format: str, scheme: str, source: str | None = None
) -> Rendered:
    """Return the request that a message becomes.

    Args:
        message: in the version that is to be sent.
        format: one of `FORMATS`.
        scheme: the scheme of the endpoint; with ``"github"`` and ``"shopify"`` the name
            of the event goes into a header, where their receivers look for it. With one
            that has no place for the id of the message, a header of ours has it.
        source: who the events are of; needed for CloudEvents.
    """
    headers, body = FORMATS[format](message, source or "")
    headers += _AGENT
    header = EVENT_HEADERS.get(scheme)

    if header is not None:
        headers += ((header, _header_text(message.name)),)

    if scheme in _WITHOUT_ID:
        headers += (("Upcall-Id", message.id),)

    return Rendered(headers=headers, body=body)


def needs_source(format: str) -> bool:
    """Tell whether the format says who the events are of."""
    return format in _WITH_SOURCE


def standard_body(message: Message) -> bytes:
    """Return the body in the format "standard": type, timestamp, data.

    See Standard Webhooks 1.0.0, "Payload structure".
    """
    return b'{"type":%b,"timestamp":"%b","data":%b}' % (
        _quoted(message.name),
        _time(message).encode(),
        message.data,
    )


@lru_cache(maxsize=1024)
def _quoted(name: str) -> bytes:
    """Return the name of an event in JSON; they are few, and come again and again."""
    return json.dumps(name).encode()


def _standard(message: Message, _: str) -> _Made:
    return _JSON, standard_body(message)


def _raw(message: Message, _: str) -> _Made:
    """Return the payload and nothing else; the name of the event is in a header."""
    named = ("Upcall-Event", _header_text(message.name))
    return (*_JSON, named), message.data


def _structured(message: Message, source: str) -> _Made:
    """Return a CloudEvent in one JSON object (CloudEvents 1.0, JSON format, 3)."""
    attributes = {**_attributes(message, source), "datacontenttype": "application/json"}
    head = json.dumps(attributes, separators=(",", ":")).removesuffix("}")
    body = b'%b,"data":%b}' % (head.encode(), message.data)
    return _CLOUDEVENT, body


def _binary(message: Message, source: str) -> _Made:
    """Return a CloudEvent with its attributes in headers (HTTP binding 1.0, 3.1)."""
    attributes = _attributes(message, source).items()
    headers = tuple((f"ce-{name}", _header_text(value)) for name, value in attributes)
    return (*_JSON, *headers), message.data


def _attributes(message: Message, source: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.name,
        "time": _time(message),
    }


def _time(message: Message) -> str:
    text = message.time.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _header_text(text: str) -> str:
    """Return what a header can carry (CloudEvents' HTTP binding 1.0, 3.1.3.2)."""
    return quote(text, safe=_VISIBLE)


FORMATS: Final[Mapping[str, Callable[[Message, str], _Made]]] = MappingProxyType(
    {
        "standard": _standard,
        "cloudevents": _structured,
        "cloudevents-binary": _binary,
        "raw": _raw,
    }
)
"""The formats by name."""
