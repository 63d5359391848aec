"""`upcall listen`: a receiver for people who develop a sender."""

# Rule 1: whatever comes is shown once it has been answered, and is bounded: its head,
#   its body, and how long both may take.
# Rule 2: the sender learns no more than a receiver would tell it; the reason is shown.

from __future__ import annotations

__all__ = ("Listener", "Manner", "open_door", "run_listener")

import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import anyio
import attrs
import click
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from upcall.webhooks import SignatureError
from upcall.webhooks._proto.schemes import Scheme
from upcall.webhooks._receive.asgi import (
    Receive,
    Scope,
    Send,
    declared_length,
    read_body,
    read_headers,
)
from upcall.webhooks._receive.refusal import TEXTS, Refusal, SenderGone

from .forwarding import Forwarder, Reply, with_query
from .received import Received
from .signals import ended_by_sigterm

SECONDS: Final = 30.0
"""How long the head of a request may take, and then its body."""

_MOST_CONNECTIONS: Final = 100
_MOST_KNOWN: Final = 10_000
_GRACE: Final = 5


@attrs.frozen(kw_only=True)
class Manner:
    """How requests are verified and answered."""

    scheme: Scheme | None = None
    """None verifies nothing."""

    url: str | None = None
    """What the sender has in front of the path, where that is not this machine."""

    path: str | None = None
    """The one path that is there; None for any."""

    max_body: int
    """In bytes."""

    fail: int | None = None
    """The status of a failure; None for no failures."""

    times: int | None = None
    """How many attempts of each message fail; None for all."""

    retry_after: int | None = None
    """Seconds, told with failures."""

    delay: float = 0.0
    """Seconds that every answer waits."""


class Listener:
    """An ASGI app that shows each request and answers it.

    Args:
        manner: how it verifies and answers.
        forwarder: gives the answers, if there is one, instead of 204 and 401.
        show: is called with each request, after its answer. If it raises OSError
            nothing can be shown any more, and `wait_mute` raises that.
    """

    def __init__(
        self,
        manner: Manner,
        *,
        show: Callable[[Received], None],
        forwarder: Forwarder | None = None,
    ) -> None:
        self._manner = manner
        self._show = show
        self._forwarder = forwarder
        self._failed: dict[str, int] = {}
        self._under_way: set[anyio.CancelScope] = set()
        self._stopped = False
        self._mute = anyio.Event()
        self._error: OSError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Cancelled, it is neither answered nor shown."""
        received = _received(scope)
        reply: Reply | None = None

        with anyio.CancelScope() as within:
            self._under_way.add(within)

            if self._stopped:
                within.cancel()

            try:
                reply = await self._answer(received, receive)
            except SenderGone:
                received.reason = "the sender hung up"
            finally:
                self._under_way.discard(within)

        if within.cancelled_caught:
            received.reason = "listening ends"
            reply = Reply(status=HTTPStatus.SERVICE_UNAVAILABLE)

        if reply is not None:
            received.status = reply.status
            await _send(send, reply)

        self._tell(received)

    def stop(self) -> None:
        """Answer what is under way with 503, at once."""
        self._stopped = True

        for each in self._under_way:
            each.cancel()

    async def wait_mute(self) -> None:
        """Wait until nothing can be shown any more.

        Raises:
            OSError: which tells why.
        """
        await self._mute.wait()
        assert self._error is not None
        raise self._error

    def _tell(self, received: Received) -> None:
        try:
            self._show(received)
        except OSError as error:  # raised by wait_mute, where somebody can end it all
            self._error = error
            self._mute.set()

    async def _answer(self, received: Received, receive: Receive) -> Reply:
        try:
            self._check_head(received)
            declared = declared_length(dict(received.headers))
            limit = self._manner.max_body
            body = await read_body(
                receive, declared=declared, limit=limit, seconds=SECONDS
            )
        except Refusal as refusal:
            received.reason = refusal.reason
            return _plain(refusal.status, *refusal.headers)

        received.take(body)
        self._verify(received, body)
        reply = await self._reply(received, body)
        await anyio.sleep(self._manner.delay)
        return reply

    def _check_head(self, received: Received) -> None:
        wanted = self._manner.path

        if wanted is not None and received.path.partition("?")[0] != wanted:
            raise Refusal(404, f"the path is not {wanted}")

        if received.method != "POST":
            raise Refusal(
                405, f"{received.method} is not POST", headers=[("allow", "POST")]
            )

    def _verify(self, received: Received, body: bytes) -> None:
        scheme = self._manner.scheme

        if scheme is None:
            return

        url = self._url(received)

        try:
            verified = scheme.verify(received.headers, body, now=time.time(), url=url)
        except SignatureError as error:
            received.verified, received.reason = False, str(error)
        else:
            received.verified, received.id = True, verified.id or received.id

    def _url(self, received: Received) -> str:
        """Return where it was sent to, as the sender has seen it."""
        front = self._manner.url or f"http://{received.headers.get('host', '')}"
        path, _, query = received.path.partition("?")
        return with_query(front.rstrip("/") + path, query)

    async def _reply(self, received: Received, body: bytes) -> Reply:
        if received.verified is False and self._forwarder is None:
            return _plain(401)

        if self._manner.fail is not None and self._is_to_fail(received):
            return self._failure(self._manner.fail)

        if self._forwarder is not None:
            return await self._forwarder.post(received, body)

        return Reply(status=HTTPStatus.NO_CONTENT)

    def _is_to_fail(self, received: Received) -> bool:
        """Count the attempts of a message; those without an id are taken for one."""
        if self._manner.times is None:
            return True

        id_ = received.id or ""
        failed = self._failed.pop(id_, 0)
        self._failed[id_] = failed + 1

        if len(self._failed) > _MOST_KNOWN:
            del self._failed[next(iter(self._failed))]

        return failed < self._manner.times

    def _failure(self, status: int) -> Reply:
        seconds = self._manner.retry_after
        headers = () if seconds is None else (("retry-after", str(seconds)),)
        return Reply(status=status, headers=headers)


def _received(scope: Scope) -> Received:
    query = scope["query_string"].decode("latin-1")
    return Received(
        time=datetime.now(UTC).astimezone(),
        method=scope["method"],
        path=with_query(scope["raw_path"].decode("latin-1"), query),
        headers=read_headers(scope),
        raw_headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
        ),
    )


def _plain(status: int, *headers: tuple[str, str]) -> Reply:
    """Make the reply that a receiver would give."""
    kind = ("content-type", "text/plain; charset=utf-8")
    body = f"{TEXTS[status]}\n".encode()
    return Reply(status=status, headers=(*headers, kind), body=body)


async def _send(send: Send, reply: Reply) -> None:
    """Send an answer, and let it be the last one on its connection."""
    headers = [
        *reply.headers,
        ("content-length", str(len(reply.body))),
        ("connection", "close"),
    ]
    raw = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
    status = int(reply.status)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": reply.body})


# --- the server ---


class _Connection(H11Protocol):
    """A connection on which a request has to come in time, or it is closed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timer = self.loop.call_later(SECONDS, self._end_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _end_if_silent(self) -> None:
        if not self.headers:
            self.transport.close()


class _Server(uvicorn.Server):
    """A server that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def open_door(host: str, port: int) -> socket.socket:
    """Open the socket to listen on.

    Raises:
        click.ClickException: if address or port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(
            f"port {port} of {host} cannot be had ({reason}): give another with "
            "--port or --host"
        ) from error


async def run_listener(
    manner: Manner,
    door: socket.socket,
    *,
    show: Callable[[Received], None],
    forward: str | None = None,
) -> None:
    """Serve on this socket until a signal, or an error in showing, ends it.

    On asyncio. What is under way then is answered with 503.

    Raises:
        TerminatedError: SIGTERM came, and everything has been put away.
        OSError: out of ``show``; in a group, as everything else.
    """
    forwarder = None if forward is None else Forwarder(forward)

    try:
        app = Listener(manner, show=show, forwarder=forwarder)

        async with ended_by_sigterm(), _serving(app, door):
            await app.wait_mute()
    finally:
        if forwarder is not None:
            with anyio.CancelScope(shield=True):
                await forwarder.aclose()


@contextlib.asynccontextmanager
async def _serving(app: Listener, door: socket.socket) -> AsyncGenerator[None]:
    server = _Server(
        uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE,
        )
    )

    async with anyio.create_task_group() as group:
        group.start_soon(partial(_serve, server, door))

        try:
            yield
        finally:
            app.stop()
            server.should_exit = True


async def _serve(server: uvicorn.Server, door: socket.socket) -> None:
    # Cancelled in the middle, it would leave connections behind: it is told to end.
    with anyio.CancelScope(shield=True):
        await server.serve([door])
