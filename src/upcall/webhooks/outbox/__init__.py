"""The outbox: where deliveries wait, on disk, until they have been delivered."""

from __future__ import annotations

__all__ = ()
