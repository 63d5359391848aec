"""A source: where a sender's requests come in, and how they are verified."""

from __future__ import annotations

__all__ = ("LONGEST_NAME", "Source", "scheme_of")

import re
from collections.abc import Sequence
from typing import Final, Literal

import attrs

from upcall.errors import OptionError
from upcall.keys import RESERVED
from upcall.webhooks._proto.schemes import Scheme, scheme

from .senders import SENDERS

LONGEST_NAME: Final = 100
"""Characters that the name of a source may have."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@attrs.frozen
class Source:
    """A sender of webhooks: where its requests come in, and how they are verified.

    Raises:
        OptionError: if something of it makes no sense; the text says what to do.
    """

    path: str
    """The path, below where the receiver is mounted: ``"/github"``."""

    scheme: str = attrs.field(kw_only=True)
    """How its requests are signed: ``"standard"``, ``"svix"`` or ``"github"``."""

    secret: str | Sequence[str] | None = attrs.field(
        kw_only=True, default=None, repr=False
    )
    """What they are signed with; several while one is rotated out."""

    name: str | None = attrs.field(kw_only=True, default=None)
    """The first part of its events' names; by default the name of the scheme. Ids
    belong to the name: two paths with one name are one sender."""

    tolerance: float = attrs.field(kw_only=True, default=300.0)
    """Seconds that a signed time may be off, both ways. GitHub signs none."""

    max_body: int | None = attrs.field(kw_only=True, default=None)
    """Bytes of a body; by default 25 MiB for GitHub, its own limit, and 1 MiB else."""

    replays: Literal["accept", "refuse"] = attrs.field(kw_only=True, default="accept")
    """What becomes of signed bytes that come again under another id, where the id is
    not signed (GitHub). ``"accept"``: an event of its own, for two honest ones may be
    equal. ``"refuse"``: refused like a stale signature."""

    def __attrs_post_init__(self) -> None:
        """Check it while its author looks on."""
        _check_path(self.path)
        _check_name(self.name)
        _check_limits(self)
        scheme_of(self)


def scheme_of(source: Source) -> Scheme:
    """Make what verifies the requests of a source.

    Raises:
        OptionError: for an unknown scheme, or a secret that is none for it.
    """
    if source.scheme not in SENDERS:
        raise OptionError(
            f"scheme={source.scheme!r} cannot be received: give one of "
            + ", ".join(map(repr, SENDERS))
        )

    if source.secret is None:
        raise OptionError(
            f"nothing can be verified with scheme={source.scheme!r} and no secret: "
            "give secret="
        )

    return scheme(source.scheme, source.secret, tolerance=source.tolerance)


def _check_path(path: str) -> None:
    if not path.startswith("/") or set(path) & set("?# "):
        raise OptionError(
            f"path={path!r} is no path of a source: begin it with a slash and leave "
            "out a query ('/github')"
        )


def _check_name(name: str | None) -> None:
    if name is None:
        return

    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise OptionError(
            f"name={name!r} cannot begin the names of events: give at most "
            f"{LONGEST_NAME} letters, digits, '_' and '-', in dotted segments"
        )

    if name.split(".")[0] == RESERVED:
        raise OptionError(
            f"name={name!r}: the events below {RESERVED!r} are Upcall's own; give "
            "another name"
        )


def _check_limits(source: Source) -> None:
    if source.max_body is not None and source.max_body < 1:
        raise OptionError(f"max_body={source.max_body!r}: give 1 byte or more")

    if source.replays not in ("accept", "refuse"):
        raise OptionError(f"replays={source.replays!r}: give 'accept' or 'refuse'")
