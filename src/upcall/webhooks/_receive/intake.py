"""One source at work: a request becomes events to be emitted."""

# Rule 1: `verify` needs the whole request, the secret and the time. `read` is a pure
#   function of what `kept` leaves of a request: an inbox stores that, and after a crash
#   reads it again.

from __future__ import annotations

__all__ = ("Intake", "intakes_of", "name_of")

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

from upcall._events.event import lookup
from upcall.errors import MalformedKeyError, OptionError
from upcall.keys import check_name
from upcall.webhooks._proto.errors import PayloadError, SignatureError
from upcall.webhooks._proto.schemes import signature_headers
from upcall.webhooks.codec import JSON

from .arrival import Arrival
from .asgi import without_slash
from .encodings import check_encoding, unpacked
from .event_class import check_event_class
from .handshake import grant
from .limit import Limit
from .refusal import Refusal
from .request import FORM, Reply, Request, media_type_of
from .seen import Seen
from .senders import Incoming, sender_of
from .source import LONGEST_NAME, Source, scheme_of

_LONGEST: Final = 2 * LONGEST_NAME
"""Characters that the name of an event may have, that of the source included."""

_ROUNDS: Final = 4
"""How often an event may have come through one source. Each time puts the name of the
source in front of it; an event that comes once more is sent round by a bridge."""

_HEAD: Final = frozenset({"content-type", "content-encoding"})

_JSON: Final = re.compile(r"application/([\w.-]+\+)?json", re.ASCII)


class Intake:
    """What takes the requests of one source.

    Attributes:
        name: the first part of its events' names.
        signs_url: whether the URL is signed, too.
        max_body: bytes of a body, packed and unpacked.
        patience: seconds that its senders wait for an answer.
        keep: seconds for which they may send the same event again.
        seen: what has come by its name.
        source: what it was made of.
    """

    def __init__(self, source: Source, seen: Seen) -> None:
        self._sender = sender_of(source.scheme, source.format)
        self._scheme = scheme_of(source)
        self._greet = self._sender.greet if source.pings == "answer" else None
        self._limit = None if source.rate is None else Limit(source.rate)
        self._reply = Reply(status=self._sender.status)
        self._kept = _HEAD | self._sender.headers
        self._prefixes = tuple(name for name in self._kept if name.endswith("-"))
        self._single = (
            self._kept | signature_headers(source.scheme) | {"content-length"}
        )
        self.source = source
        self.name: str = name_of(source)
        self._start = self.name.replace(".", "-")
        self.signs_url: bool = source.scheme == "twilio"
        self.max_body: int = source.max_body or self._sender.max_body
        self.patience: float = self._sender.patience
        self.keep: float = self._sender.keep
        self.seen = seen

    # --- before the body ---

    def ask(self, method: str, headers: Mapping[str, str]) -> Reply | None:
        """Answer an OPTIONS of CloudEvents, which nobody signs; None if it is none.

        Raises:
            Refusal: 400, if it does not say who asks.
        """
        if method != "OPTIONS" or self.source.format is None:
            return None

        return grant(headers, rate=self.source.rate)

    def check_head(
        self,
        method: str,
        headers: Mapping[str, str],
        *,
        repeated: frozenset[str] = frozenset(),
    ) -> None:
        """Refuse what is no POST of what its senders send, before its body is read.

        Args:
            method: of the request.
            headers: by name in lower case.
            repeated: the names of those that are there more than once.

        Raises:
            Refusal: 400, 405 or 415.
        """
        if method != "POST":
            raise Refusal(405, f"{method!r} is not POST", headers=[("allow", "POST")])

        if twice := [name for name in repeated if self._looks_at(name, self._single)]:
            raise Refusal(400, f"{', '.join(sorted(twice))}: there more than once")

        media_type = media_type_of(headers.get("content-type", ""))
        form = media_type == FORM and self._sender.takes_forms

        if not (form or _JSON.fullmatch(media_type)):
            raise Refusal(415, f"Content-Type: {media_type!r} is not taken here")

        check_encoding(headers, self.source.encodings)

    # --- of a whole request ---

    def verify(self, request: Request, *, now: float, url: str | None = None) -> None:
        """Return if the request is signed as its scheme asks.

        Args:
            request: all of it.
            now: Unix seconds.
            url: where it came in; needed by ``"twilio"`` alone.

        Raises:
            Refusal: 401.
        """
        try:
            self._scheme.verify(request.headers, request.body, now=now, url=url)
        except SignatureError as error:
            raise Refusal(401, str(error)) from error

    def greet(self, request: Request) -> Reply | None:
        """Answer a verified request that is a handshake; None if it is none.

        Raises:
            Refusal: 400 or 413 for its content.
        """
        if self._greet is None:
            return None

        try:
            return self._greet(unpacked(request, limit=self.max_body))
        except PayloadError as error:
            raise Refusal(400, str(error)) from error

    def take(self, request: Request, *, now: float) -> list[Arrival]:
        """Count a verified request against the rate of its source, and read it.

        Raises:
            Refusal: 429 for too many, 400 or 413 for its content.
        """
        if self._limit is not None:
            self._limit.spend(now=now)

        return self.read(request)

    def kept(self, request: Request) -> Request:
        """Return what `read` needs of a request: no token is in it."""
        given = request.headers
        names = [name for name in given if self._looks_at(name, self._kept)]
        return Request(headers={name: given[name] for name in names}, body=request.body)

    def read(self, request: Request) -> list[Arrival]:
        """Return the events of a verified request, all of them or none.

        The same request gives the same ids, whenever it is read.

        Raises:
            Refusal: 400 or 413 for its content.
        """
        try:
            incoming = self._sender.read(unpacked(request, limit=self.max_body))
            return [self._arrival(each) for each in incoming]
        except (PayloadError, MalformedKeyError) as error:
            raise Refusal(400, str(error)) from error

    def refused(self, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Return those for which the whole request is refused: what is no event."""
        if self.source.invalid == "accept":
            return []

        return [each for each in arrivals if each.invalid is not None]

    def reply(self, arrivals: Sequence[Arrival]) -> Reply:
        """Return what the sender is told when these have been taken."""
        return arrivals[0].reply if arrivals else self._reply

    def is_replay(self, arrival: Arrival, *, now: float) -> bool:
        """Tell whether its signed bytes came before, under another id.

        Raises:
            Refusal: 401, if they did and the source refuses that.
        """
        replayed = arrival.digest is not None and self.seen.is_replay(
            arrival.id, arrival.digest, now=now
        )

        if replayed and self.source.replays == "refuse":
            raise Refusal(401, "the signed bytes came before, under another id")

        return replayed

    def is_altered(self, arrival: Arrival, *, now: float) -> bool:
        """Tell whether its sender's id came before, with other signed bytes."""
        return arrival.stem is not None and self.seen.is_altered(
            arrival.id, arrival.stem, now=now
        )

    # --- inside ---

    def _looks_at(self, header: str, names: frozenset[str]) -> bool:
        return header in names or header.startswith(self._prefixes)

    def _arrival(self, incoming: Incoming) -> Arrival:
        name = self._event_name(incoming.type)
        payload, typed, invalid = _build(incoming.payload, name)
        stem, id_ = self._envelope_id(incoming)
        return Arrival(
            id=id_,
            name=name,
            payload=payload,
            typed=typed,
            invalid=invalid,
            sender_id=incoming.id,
            digest=incoming.digest,
            stem=stem,
            reply=incoming.reply or self._reply,
        )

    def _event_name(self, kind: str) -> str:
        name = f"{self.name}.{kind.replace('/', '.')}"

        if len(name) > _LONGEST:
            raise Refusal(400, f"the name of the event has {len(name)} characters")

        if self.name in kind and _times(self.name, name) > _ROUNDS:
            raise Refusal(
                400,
                f"{name!r} has come round {_ROUNDS} times: a bridge sends this source "
                "its own events; give its endpoint a narrower pattern",
            )

        return check_name(name)

    def _envelope_id(self, incoming: Incoming) -> tuple[str | None, str]:
        """Make the id from what names the event: source, sender's id, signed digest.

        The sender's own may hold anything, so only its digest goes in; 128 bits are
        enough, since none but the holder of the secret could look for two alike.

        Returns:
            What it has in common with all of the same sender's id, where there is one
            that is not signed; and the id.
        """
        parts = (self.name, incoming.owner, incoming.id)
        digest = sha256(repr(parts).encode("utf-8", "backslashreplace"))
        start = f"{self._start}-{digest.hexdigest()[:32]}"

        if incoming.digest is None:
            return None, start

        stem = start[:-16]
        digest.update(incoming.digest.encode())
        return stem if incoming.id else None, stem + digest.hexdigest()[:16]


def _build(plain: Any, name: str) -> tuple[Any, bool, str | None]:
    """Return the payload, whether it is of its event class, and why not.

    Raises:
        OptionError: if nothing could be of that class.
    """
    event_class = lookup(name)

    if event_class is None:
        return plain, False, None

    check_event_class(event_class)

    try:
        return JSON.build(plain, event_class), True, None
    except PayloadError as error:
        return plain, False, str(error)


def _times(part: str, name: str) -> int:
    """Count how often the one, whole segments, is in the other."""
    doubled = [f".{text.replace('.', '..')}." for text in (part, name)]
    return doubled[1].count(doubled[0])


def name_of(source: Source) -> str:
    """Return the name that the source has."""
    return source.name or source.scheme


def intakes_of(sources: Iterable[Source] | Source) -> dict[str, Intake]:
    """Set the sources to work, by path; those with one name share what they have seen.

    Raises:
        OptionError: if there are none, one is none, two have one path, or two of one
            name are of different kinds.
    """
    intakes: dict[str, Intake] = {}
    named: dict[str, Intake] = {}

    for source in _listed(sources):
        path = without_slash(source.path)

        if path in intakes:
            raise OptionError(
                f"two sources have path={source.path!r}: give one another"
            )

        first = named.get(name_of(source))
        _check_alike(source, first)
        seen = first.seen if first else Seen(keep=sender_of(source.scheme, None).keep)
        intakes[path] = intake = Intake(source, seen)
        named.setdefault(intake.name, intake)

    if not intakes:
        raise OptionError("there is nothing to receive: give at least one Source")

    return intakes


def _listed(sources: object) -> list[Source]:
    given = [sources] if isinstance(sources, Source) else sources

    if not isinstance(given, Iterable):
        raise OptionError(f"sources={given!r}: give a list of Source")

    listed = list(cast("Iterable[object]", given))

    for each in listed:
        if not isinstance(each, Source):
            raise OptionError(f"{each!r} among the sources is none: give a Source")

    return cast("list[Source]", listed)


def _check_alike(source: Source, first: Intake | None) -> None:
    """Refuse two ways to read what comes by one name: a store keeps only the name."""
    kind = source.scheme, source.format

    if first is not None and kind != (first.source.scheme, first.source.format):
        raise OptionError(
            f"{source.path!r} and {first.source.path!r} have the name {first.name!r} "
            "and are not of one scheme and format: give one of them another name="
        )
