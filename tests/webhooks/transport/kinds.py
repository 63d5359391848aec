"""The transports there are."""

from __future__ import annotations

__all__ = ("Guarded", "Kind")

from upcall.webhooks.transport.http2 import Http2Transport
from upcall.webhooks.transport.post import PostTransport

Guarded = PostTransport | Http2Transport
"""One of them."""

Kind = type[PostTransport] | type[Http2Transport]
"""What the fixture ``kind`` gives."""
