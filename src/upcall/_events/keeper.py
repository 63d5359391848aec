"""The port by which a bridge keeps events before any callback hears them."""

from __future__ import annotations

__all__ = ("Keeper",)

from typing import Any, Protocol

from .envelope import Envelope


class Keeper(Protocol):
    """Something that must have an emission in safe keeping before it is heard.

    A bus asks its keepers one after the other, in the order they were added with
    `Hub.add_keeper`. What a keeper wants is asked once per name and remembered until
    `Hub.keepers_changed` is called.
    """

    @property
    def closed(self) -> bool:
        """Whether it has ended. It still refuses, until the bus closes too."""
        ...

    def wants(self, name: str) -> bool:
        """Tell whether an event of this name has to be kept. Must not block."""
        ...

    async def keep(self, envelope: Envelope[Any]) -> None:
        """Keep it, and return when it is safe.

        Raises:
            Exception: it is not (or, after a cancellation, not known to be) kept; the
                emission then ends with this error, before any callback was called.
        """

    def keep_soon(self, envelope: Envelope[Any]) -> None:
        """Queue it, in order, from the bus's own thread; never wait.

        A failure that shows later goes to `Owner.report`.
        """
