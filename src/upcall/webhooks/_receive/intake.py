"""One source at work: a request's headers and body become an event to be emitted."""

from __future__ import annotations

__all__ = ("Arrival", "Intake", "check_head", "intakes_of")

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

import attrs

from upcall._events.event import lookup
from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import check_name
from upcall.webhooks._proto.errors import PayloadError, SignatureError
from upcall.webhooks._proto.schemes import Verified
from upcall.webhooks.codec import JSON

from .refusal import Refusal
from .seen import Seen
from .senders import SENDERS, Incoming
from .source import LONGEST_NAME, Source, scheme_of

_LONGEST: Final = 2 * LONGEST_NAME
"""Characters that the name of an event may have, that of the source included."""

_JSON: Final = re.compile(r"application/([\w.-]+\+)?json", re.ASCII | re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Arrival:
    """An event that has come in, verified and built, and not yet emitted."""

    id: str
    """Of its envelope; the same each time the sender sends it."""

    name: str
    payload: Any
    typed: bool
    """Whether the payload is an instance of the event class of that name."""

    sender_id: str
    digest: str | None
    """Of what was signed, where the id was not."""


def check_head(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what is no POST of plain JSON, before its body is read.

    Raises:
        Refusal: 405 or 415.
    """
    if method != "POST":
        raise Refusal(405, f"{method!r} is not POST", headers=[("allow", "POST")])

    media_type = headers.get("content-type", "").partition(";")[0].strip()

    if not _JSON.fullmatch(media_type):
        raise Refusal(415, f"Content-Type: {media_type!r} is not JSON")

    encoding = headers.get("content-encoding", "identity").strip().lower()

    if encoding != "identity":
        raise Refusal(
            415,
            f"Content-Encoding: {encoding!r} is not decoded",
            headers=[("accept-encoding", "identity")],
        )


class Intake:
    """What takes the requests of one source."""

    def __init__(self, source: Source, seen: Seen) -> None:
        sender = SENDERS[source.scheme]
        self.name = source.name or source.scheme
        self.max_body = source.max_body or sender.max_body
        self._refuses_replays = source.replays == "refuse"
        self._scheme = scheme_of(source)
        self._read = sender.read
        self.seen = seen

    def take(self, headers: Mapping[str, str], body: bytes, *, now: float) -> Arrival:
        """Verify a request, then read it.

        Raises:
            Refusal: 401 for its signature, 400 for its content.
        """
        verified = self._verify(headers, body, now)

        try:
            incoming = self._read(headers, body, verified.id or "", JSON.decode(body))
            return self._arrival(incoming)
        except (PayloadError, MalformedKeyError) as error:
            raise Refusal(400, str(error)) from error

    def is_replay(self, arrival: Arrival, *, now: float) -> bool:
        """Tell whether its signed bytes came before, under another id.

        Raises:
            Refusal: 401, if they did and the source refuses that.
        """
        replayed = arrival.digest is not None and self.seen.is_replay(
            arrival.id, arrival.digest, now=now
        )

        if replayed and self._refuses_replays:
            raise Refusal(401, "the signed bytes came before, under another id")

        return replayed

    def _verify(self, headers: Mapping[str, str], body: bytes, now: float) -> Verified:
        try:
            return self._scheme.verify(headers, body, now=now)
        except SignatureError as error:
            raise Refusal(401, str(error)) from error

    def _arrival(self, incoming: Incoming) -> Arrival:
        name = self._event_name(incoming.type)
        event_class = lookup(name)
        payload = incoming.payload
        return Arrival(
            id=self._envelope_id(incoming),
            name=name,
            payload=payload
            if event_class is None
            else JSON.build(payload, event_class),
            typed=event_class is not None,
            sender_id=incoming.id,
            digest=incoming.digest,
        )

    def _event_name(self, kind: str) -> str:
        name = f"{self.name}.{kind.replace('/', '.')}"

        if len(name) > _LONGEST:
            raise Refusal(400, f"the name of the event has {len(name)} characters")

        return check_name(name)

    def _envelope_id(self, incoming: Incoming) -> str:
        """Make the id from what names the event: source, sender's id, signed digest.

        The sender's own may hold anything, so only its digest goes in; 128 bits are
        enough, since none but the holder of the secret could look for two alike.
        """
        parts = (self.name, incoming.id, incoming.digest or "")
        digest = sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
        return f"{self.name.replace('.', '-')}-{digest[:32]}"


def intakes_of(sources: Iterable[Source]) -> dict[str, Intake]:
    """Set the sources to work, by path; those with one name share what they have seen.

    Raises:
        OptionError: if there are none, or two have one path.
    """
    intakes: dict[str, Intake] = {}
    seen: dict[str, Seen] = {}

    for source in sources:
        if source.path in intakes:
            raise OptionError(
                f"two sources have path={source.path!r}: give one another"
            )

        name, keep = source.name or source.scheme, SENDERS[source.scheme].keep
        seen.setdefault(name, Seen(keep=keep))
        intakes[source.path] = Intake(source, seen[name])

    if not intakes:
        raise OptionError("there is nothing to receive: give at least one Source")

    return intakes
