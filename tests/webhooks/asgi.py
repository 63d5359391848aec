"""An ASGI host in memory: it speaks to an app as a server would, message by message."""

from __future__ import annotations

__all__ = ("Answered", "App", "Client", "lifespan", "request", "scope_of")

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, TypeAlias

import anyio
import anyio.lowlevel
import attrs

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [
        Message,
        Callable[[], Awaitable[Message]],
        Callable[[Message], Awaitable[None]],
    ],
    Awaitable[None],
]
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


@attrs.frozen
class Answered:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.define(eq=False)
class Client:
    """The other end of one connection: sends a body in pieces, keeps the answer."""

    chunks: list[bytes]
    then: Literal["end", "hang", "gone"] = "end"
    """What follows the pieces: their end, nothing at all, or a hang-up."""

    sent: list[Message] = attrs.field(factory=list)

    async def receive(self) -> Message:
        await anyio.lowlevel.checkpoint()

        if self.chunks:
            chunk = self.chunks.pop(0)
            more = bool(self.chunks) or self.then != "end"
            return {"type": "http.request", "body": chunk, "more_body": more}

        if self.then == "hang":
            await anyio.sleep_forever()

        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(message)

    def answer(self) -> Answered:
        """Put together what was sent, which must be one whole answer."""
        start, *bodies = self.sent
        assert start["type"] == "http.response.start"
        assert {message["type"] for message in bodies} == {"http.response.body"}
        assert [m.get("more_body", False) for m in bodies].index(False) == len(
            bodies
        ) - 1
        headers = {
            n.decode("latin-1"): v.decode("latin-1") for n, v in start["headers"]
        }
        assert all(name == name.lower() for name in headers)
        return Answered(start["status"], headers, b"".join(m["body"] for m in bodies))


def scope_of(path: str, *, method: str = "POST", headers: Headers = ()) -> Message:
    """Make the scope of a request."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in pairs],
    }


async def request(
    app: App,
    path: str,
    body: bytes | list[bytes] = b"",
    *,
    method: str = "POST",
    headers: Headers = (),
    **more: Any,
) -> Answered:
    """Make one request, the body in one piece or several, and return the answer.

    What more there is to its scope is given by name.
    """
    client = Client([body] if isinstance(body, bytes) else body)
    scope = scope_of(path, method=method, headers=headers)
    scope.update({name: value for name, value in more.items() if value is not None})
    await app(scope, client.receive, client.send)
    return client.answer()


async def lifespan(app: App) -> list[str]:
    """Start and stop the app, and return the types of what it sent."""
    messages = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": next(messages)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return sent
