"""What the receiver speaks of ASGI: a request's headers and body, and an answer."""

# ASGI is at https://asgi.readthedocs.io (HTTP 2.x, Lifespan 2.0).

from __future__ import annotations

__all__ = (
    "Message",
    "Receive",
    "Scope",
    "Send",
    "declared_length",
    "find_paths",
    "find_repeated",
    "read_body",
    "read_headers",
    "respond",
    "send_reply",
    "serve_lifespan",
    "turn_away",
    "url_of",
    "without_slash",
)

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

import anyio

from upcall.webhooks._proto.headers import Lowered

from .refusal import Refusal, SenderGone

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


def find_paths(scope: Scope) -> tuple[str, str]:
    """Return the path below the mount point, and the whole path.

    Hosts differ in whether ``path`` has the ``root_path`` in front, and some mount
    without naming one: the caller looks both up, in this order. Litestar adds a slash
    at the end: that makes no difference.
    """
    whole: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return without_slash(whole.removeprefix(root)), without_slash(whole)


def without_slash(path: str) -> str:
    """Return the path without a slash at its end; the root has one."""
    return path.rstrip("/") or "/"


def read_headers(scope: Scope) -> Lowered:
    """Return the headers by name in lower case.

    The values of a repeated one are joined by commas (RFC 9110, 5.3): where one value
    is wanted this is none, so nobody takes the first while another took the last.
    """
    headers = Lowered()

    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value

    return headers


def find_repeated(scope: Scope) -> frozenset[str]:
    """Return the names of headers, in lower case, that are there more than once.

    There are none if `read_headers` gives as many as came.
    """
    seen: set[bytes] = set()
    repeated: set[bytes] = set()

    for raw_name, _ in scope["headers"]:
        name = raw_name.lower()
        (repeated if name in seen else seen).add(name)

    return frozenset(name.decode("latin-1") for name in repeated)


def url_of(scope: Scope, headers: Mapping[str, str], *, base: str | None) -> str:
    """Return the URL that the sender wrote, as well as it can be told.

    Args:
        scope: the request's.
        headers: by name in lower case.
        base: the URL without its query, if it is known. Otherwise it is made of what
            the request says, which a proxy may have changed and a stranger chosen.
    """
    query: bytes = scope.get("query_string", b"")
    place = base or f"{scope.get('scheme', 'http')}://{_host_and_path(scope, headers)}"
    return f"{place}?{query.decode('latin-1')}" if query else place


def _host_and_path(scope: Scope, headers: Mapping[str, str]) -> str:
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    root = quote(scope.get("root_path", "")).rstrip("/")

    if not f"{path}/".startswith(f"{root}/"):
        path = root + path

    return headers.get("host", "") + path.partition("?")[0]


def declared_length(headers: Mapping[str, str]) -> int | None:
    """Return what ``Content-Length`` says, None where there is none.

    Raises:
        Refusal: 400, if it is no plain number (RFC 9110, 8.6).
    """
    text = headers.get("content-length")

    if text is None:
        return None

    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 (64 bits)
        raise Refusal(400, f"Content-Length: {text!r} is no length")

    return int(text)


async def read_body(
    receive: Receive, *, declared: int | None, limit: int, seconds: float
) -> bytes:
    """Return the body, having held never more than ``limit`` bytes of it.

    Args:
        receive: the host's.
        declared: what the sender says it is long, if it says so.
        limit: how many bytes it may have.
        seconds: how long all of it may take.

    Raises:
        Refusal: 413 too large (at once, if declared so), 408 too slow, 400 longer or
            shorter than declared.
        SenderGone: the sender hung up.
    """
    if declared is not None and declared > limit:
        raise Refusal(413, f"{declared} bytes declared, {limit} allowed")

    with anyio.move_on_after(seconds):
        body = await _gather(receive, limit)

        if declared not in (None, len(body)):
            raise Refusal(400, f"{len(body)} bytes came, {declared} were declared")

        return body

    raise Refusal(408, f"the body was not there after {seconds} s")


async def _gather(receive: Receive, limit: int) -> bytes:
    body = bytearray()

    while True:
        message = await receive()

        if message["type"] == "http.disconnect":
            raise SenderGone

        body += message.get("body", b"")

        if len(body) > limit:
            raise Refusal(413, f"more than the {limit} bytes allowed came")

        if not message.get("more_body", False):
            return bytes(body)


async def respond(
    send: Send,
    status: int,
    text: str = "",
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    """Send one whole answer of plain text."""
    body = f"{text}\n".encode() if text else b""
    await send_reply(send, status, body, "text/plain; charset=utf-8", headers)


async def send_reply(
    send: Send,
    status: int,
    body: bytes = b"",
    media_type: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    """Send one whole answer of any kind."""
    raw = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]

    if media_type is not None:
        raw.append((b"content-type", media_type.encode("latin-1")))

    if status != HTTPStatus.NO_CONTENT:  # that has not even a length (RFC 9110, 8.6)
        raw.append((b"content-length", b"%d" % len(body)))

    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def serve_lifespan(
    receive: Receive,
    send: Send,
    app: AbstractAsyncContextManager[object] | None = None,
) -> None:
    """Open the app at the host's start, and close it at its stop.

    Without one there is nothing to prepare. What goes wrong is told to the host, which
    ends then.
    """
    await receive()
    phase = "startup"

    try:
        async with nullcontext() if app is None else app:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            phase = "shutdown"
    except Exception as error:  # noqa: BLE001 (told to the host)
        await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
    else:
        await send({"type": "lifespan.shutdown.complete"})


async def turn_away(receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is one; the host answers 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})
