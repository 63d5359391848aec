"""A source: where a sender's requests come in, and how they are verified."""

from __future__ import annotations

__all__ = ("LONGEST_NAME", "Source", "scheme_of")

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, cast

import attrs

from upcall.errors import OptionError
from upcall.keys import RESERVED
from upcall.webhooks._proto.schemes import Scheme, scheme

from .encodings import ENCODINGS
from .senders import SENDERS

LONGEST_NAME: Final = 100
"""Characters that the name of a source may have."""

_SLOWEST: Final = 1e-6
_FASTEST: Final = 1e6
"""Requests per second; the interval of this rate is a microsecond."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_URL: Final = re.compile(r"https?://[^/?#\s]+(/[^?#\s]*)?", re.IGNORECASE)


@attrs.frozen
class Source:
    """A sender of webhooks: where its requests come in, and how they are verified.

    Raises:
        OptionError: if something of it makes no sense; the text says what to do.
    """

    path: str
    """The path, below where the receiver is mounted, like ``"/github"``."""

    scheme: str = attrs.field(kw_only=True)
    """How its requests are signed: ``"standard"``, ``"svix"``, ``"github"``,
    ``"stripe"``, ``"slack"``, ``"shopify"``, ``"discord"``, ``"twilio"``, ``"bearer"``
    (a token, and nothing is signed) or ``"none"`` (whoever can reach it is heard)."""

    secret: str | Sequence[str] | None = attrs.field(
        kw_only=True, default=None, repr=False
    )
    """What they are signed with; several while one is rotated out. ``"none"`` has
    none."""

    name: str | None = attrs.field(kw_only=True, default=None)
    """The first part of its events' names; by default the name of the scheme. Ids
    belong to the name: two paths with one name are one sender."""

    format: Literal["cloudevents"] | None = attrs.field(kw_only=True, default=None)
    """``"cloudevents"`` for CloudEvents 1.0: structured, binary or in batches. The
    payload is the data then. By default the format is that of the scheme's senders."""

    tolerance: float = attrs.field(kw_only=True, default=300.0)
    """Seconds that a signed time may be off, both ways. GitHub, Shopify and Twilio sign
    none."""

    max_body: int | None = attrs.field(kw_only=True, default=None)
    """Bytes of a body, packed and unpacked; by default 25 MiB for GitHub, its own
    limit, 5 MiB for Shopify and 1 MiB else."""

    replays: Literal["accept", "refuse"] = attrs.field(kw_only=True, default="accept")
    """What becomes of signed bytes that come again under another id, where the id is
    not signed (GitHub, Shopify, Twilio). ``"accept"``: an event of its own, for two
    honest ones may be equal. ``"refuse"``: refused like a stale signature."""

    invalid: Literal["accept", "refuse"] = attrs.field(kw_only=True, default="refuse")
    """What the sender is told when a payload does not fit its event class.
    ``"refuse"``: 400. ``"accept"``: as if it had been taken, for some senders switch an
    endpoint off that refuses. Both ways it is no event; ``webhook.invalid`` is emitted
    in its place."""

    pings: Literal["answer", "emit"] = attrs.field(kw_only=True, default="answer")
    """What becomes of the ``ping`` that GitHub sends when a hook is made. ``"answer"``:
    it is answered, and no event, as the handshakes of other senders. ``"emit"``: it is
    an event besides, ``github.ping``, with the hook in its payload."""

    rate: float | None = attrs.field(kw_only=True, default=None)
    """How many verified requests are taken in a second; more are answered 429. By
    default any number."""

    encodings: Collection[str] = attrs.field(kw_only=True, default=())
    """Content encodings to unpack, ``("gzip", "deflate")``; by default none. The
    signature is over the body as it comes, packed."""

    url: str | None = attrs.field(kw_only=True, default=None)
    """For ``"twilio"``, which signs the URL: the one that Twilio knows, without its
    query. By default it is made of the request's scheme, ``Host`` and path, so it is
    needed behind a proxy that changes one of them, and it makes sure that requests to
    somebody else who has the same secret are not taken here."""

    def __attrs_post_init__(self) -> None:
        """Check it while its author looks on."""
        _check_path(self.path)
        _check_name(self.name)
        _check_choices(self)
        _check_limits(self)
        _check_encodings(self.encodings)
        scheme_of(self)
        _check_url(self)


def scheme_of(source: Source) -> Scheme:
    """Make what verifies the requests of a source.

    Raises:
        OptionError: for an unknown scheme, or a secret that is none for it.
    """
    given: object = source.scheme

    if not isinstance(given, str) or given not in SENDERS:
        raise OptionError(
            f"scheme={given!r} cannot be received: give one of "
            + ", ".join(map(repr, SENDERS))
        )

    if source.secret is None and given != "none":
        raise OptionError(
            f"nothing can be verified with scheme={given!r} and no secret: give secret="
        )

    return scheme(given, source.secret, tolerance=source.tolerance)


def _check_path(path: object) -> None:
    if not isinstance(path, str) or not path.startswith("/") or set(path) & set("?# "):
        raise OptionError(
            f"path={path!r} is no path of a source: begin it with a slash and leave "
            "out a query ('/github')"
        )


def _check_name(name: object) -> None:
    if name is None:
        return

    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or len(name) > LONGEST_NAME
    ):
        raise OptionError(
            f"name={name!r} cannot begin the names of events: give at most "
            f"{LONGEST_NAME} letters, digits, '_' and '-', in dotted segments"
        )

    if name.split(".")[0] == RESERVED:
        raise OptionError(
            f"name={name!r}: the events below {RESERVED!r} are Upcall's own; give "
            "another name"
        )


def _check_choices(source: Source) -> None:
    if source.format not in (None, "cloudevents"):
        raise OptionError(
            f"format={source.format!r}: give 'cloudevents', or leave it out"
        )

    for option in ("replays", "invalid"):
        value = getattr(source, option)

        if value not in ("accept", "refuse"):
            raise OptionError(f"{option}={value!r}: give 'accept' or 'refuse'")

    if source.pings not in ("answer", "emit"):
        raise OptionError(f"pings={source.pings!r}: give 'answer' or 'emit'")

    if source.pings == "emit" and source.scheme != "github":
        raise OptionError(
            f"pings='emit' is of no use with scheme={source.scheme!r}, whose senders "
            "want another answer than an event has: leave it out"
        )


def _check_limits(source: Source) -> None:
    largest: object = source.max_body
    rate: object = source.rate

    if largest is not None and (type(largest) is not int or largest < 1):
        raise OptionError(f"max_body={largest!r}: give 1 byte or more")

    if rate is not None and not _is_rate(rate):
        raise OptionError(f"rate={rate!r}: give how many requests a second may have")


def _is_rate(rate: object) -> bool:
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        return False

    return _SLOWEST <= rate <= _FASTEST


def _check_encodings(encodings: object) -> None:
    known = tuple(ENCODINGS)
    some = isinstance(encodings, Collection) and not isinstance(encodings, str)

    if not some or any(each not in known for each in cast("Any", encodings)):
        raise OptionError(
            f"encodings={encodings!r}: give a tuple of " + ", ".join(map(repr, known))
        )


def _check_url(source: Source) -> None:
    url: object = source.url

    if url is None:
        return

    if source.scheme != "twilio":
        raise OptionError(
            f"url={url!r} is of no use with scheme={source.scheme!r}, which signs no "
            "URL: leave it out"
        )

    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise OptionError(
            f"url={url!r} is none that Twilio could send to: give "
            "'https://example.com/twilio', say, without a query"
        )
