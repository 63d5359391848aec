"""The endpoint of the demo: it fails at first, verifies by itself, counts what came."""

from __future__ import annotations

__all__ = ("DemoEndpoint",)

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from upcall.webhooks._receive.asgi import (
    Receive,
    Scope,
    Send,
    read_body,
    read_headers,
    respond,
    serve_lifespan,
)
from upcall.webhooks.codec import JSON

_LARGEST: Final = 32 << 20
_FAILS: Final = 3
"""The first attempt of every third message is answered 503."""


class DemoEndpoint:
    """An ASGI app that takes Standard Webhooks as others' endpoints do.

    It verifies in lines of its own, so that a mistake of our schemes shows, and knows
    copies by ``webhook-id``.

    Attributes:
        handled: what came, one entry per message: its type and data as JSON.
        failed: how many attempts it answered 503.
        copies: how many it answered 204 more than once.
        forged: how many were not signed as they should be.
    """

    def __init__(self, secret: str) -> None:
        self.handled: dict[str, bytes] = {}
        self.failed: int = 0
        self.copies: int = 0
        self.forged: int = 0
        self._key = b64decode(secret.removeprefix("whsec_"))
        self._known: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the host's lifespan."""
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
            return

        headers = read_headers(scope)
        body = await read_body(receive, declared=None, limit=_LARGEST, seconds=10.0)
        await respond(send, self.answer(headers, body))

    def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        """Count an attempt, and return the status of its answer."""
        if not self._is_signed(headers, body):
            self.forged += 1
            return 401

        message = headers["webhook-id"]

        if self._fails(message):
            self.failed += 1
            return 503

        self.copies += message in self.handled
        data = JSON.decode(body)
        self.handled[message] = JSON.encode([data["type"], data["data"]])
        return 204

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        id_, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signed = f"{id_}.{time}.".encode() + body
        mac = b64encode(hmac.new(self._key, signed, "sha256").digest()).decode()
        entries = headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(f"v1,{mac}", entry) for entry in entries)

    def _fails(self, message: str) -> bool:
        if message in self._known:
            return False

        self._known.add(message)
        return len(self._known) % _FAILS == 1
