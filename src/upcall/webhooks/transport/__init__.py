"""Transports: what makes the requests, behind the guard."""

from __future__ import annotations

__all__ = ()
