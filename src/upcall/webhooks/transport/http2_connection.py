"""Connections whose requests are made by httpcore2: shared (HTTP/2), or alone."""

# Rule 1: httpcore2's errors have no common root, and a rude server can bring out others
#   (h2's own, a ValueError). Whatever comes out of it says that there is no answer.
# Rule 2: what h11 and h2 let pass and two readers could understand in two ways is
#   refused here.

from __future__ import annotations

__all__ = ("HttpcoreConnection", "LoneConnection", "SharedConnection")

import abc
import re
from contextlib import aclosing
from typing import Final

import anyio
import attrs
import httpcore2

from upcall.webhooks._proto.addresses import Target
from upcall.webhooks._proto.answer import Answer, TransportError

from .connection import SilentCloseError
from .opened import Opened
from .wire import EnoughError, LoneWire, SharedWire

_MOST_BODY: Final = 64 * 1024
_BROKEN: Final = "broken"
_ODD: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTHS: Final = re.compile(
    rb"\ncontent-length:[ \t]*([^\r]*?)[ \t]*\r", re.IGNORECASE
)
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_VERSIONS: Final = (b"HTTP/1.0", b"HTTP/1.1")


class HttpcoreConnection(abc.ABC):
    """An open connection to one checked address."""

    address: str
    """The address that it leads to."""

    is_shared: bool = False
    """Whether it carries many requests at a time."""

    reusable: bool
    """Whether it may carry another request."""

    since: float
    """When it was last used, on whatever clock its owner goes by."""

    users: int
    """How many requests are on it, or about to be."""

    _http: httpcore2.AsyncConnectionInterface

    def __init__(self, opened: Opened, *, keep: int) -> None:
        self._opened = opened
        self._keep = keep
        self.address = opened.address
        self.reusable = True
        self.since = 0.0
        self.users = 0

    async def exchange(self, request: httpcore2.Request) -> Answer:
        """Send a request and read its answer.

        After an error or a cancellation the connection takes no other request.

        Raises:
            SilentCloseError: it ended before a single byte of an answer.
            TransportError: the answer is not whole, or no HTTP.
        """
        whole = False

        try:
            response = await self._ask(request)

            try:
                self._look_at(response)
                body = await self._read(response)
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()

            whole = body.whole
        finally:
            self._settle(whole=whole)

        return Answer(
            status=response.status,
            headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in response.headers
            ),
            body=bytes(body.kept),
            truncated=not whole or body.seen > len(body.kept),
            address=self.address,
        )

    @abc.abstractmethod
    def is_quiet(self) -> bool:
        """Tell whether it can carry another request."""

    async def close(self) -> None:
        """Close it at once, without a word to the other side; never cancelled."""
        await self._opened.close()

    @abc.abstractmethod
    def _settle(self, *, whole: bool) -> None:
        """Find out whether another request may follow."""

    @abc.abstractmethod
    def _is_lost(self) -> bool:
        """Tell whether an error was the silent end of the connection."""

    async def _ask(self, request: httpcore2.Request) -> httpcore2.Response:
        """Send a request, and receive the head of the answer."""
        try:
            return await self._http.handle_async_request(request)
        except TransportError:
            raise
        except Exception as error:
            kind = SilentCloseError if self._is_lost() else TransportError
            raise kind(_BROKEN, _text(error)) from error

    def _look_at(self, response: httpcore2.Response) -> None:
        """Refuse a head that could be read in two ways, or is none that we know."""
        if not 200 <= response.status <= 999:  # noqa: PLR2004 (three digits, no 1xx)
            raise TransportError(_BROKEN, f"an answer of status {response.status}")

        if any(_ODD.search(part) for header in response.headers for part in header):
            raise TransportError(_BROKEN, "a header with a control character in it")

    async def _read(self, response: httpcore2.Response) -> _Body:
        """Read the body to the end, or as far as we want it."""
        body = _Body()

        try:
            async with aclosing(response.aiter_stream()) as parts:
                async for part in parts:
                    body.seen += len(part)
                    body.kept += part[: max(0, self._keep - len(body.kept))]

                    if body.seen > _MOST_BODY:
                        return body
        except EnoughError:
            return body
        except SilentCloseError as error:
            raise TransportError(_BROKEN, "closed in the middle of it") from error
        except TransportError:
            raise
        except Exception as error:
            raise TransportError(_BROKEN, _text(error)) from error

        body.whole = True
        return body


class LoneConnection(HttpcoreConnection):
    """Speaks HTTP/1.1: one request at a time."""

    def __init__(self, opened: Opened, target: Target, *, keep: int) -> None:
        super().__init__(opened, keep=keep)
        self._wire = LoneWire(opened)
        self._http = httpcore2.AsyncHTTP11Connection(_origin(target), self._wire)

    def is_quiet(self) -> bool:
        """Tell whether nothing has come since the last answer, not even the end."""
        return self._opened.is_quiet()

    async def _ask(self, request: httpcore2.Request) -> httpcore2.Response:
        self._wire.begin()
        return await super()._ask(request)

    def _look_at(self, response: httpcore2.Response) -> None:
        super()._look_at(response)
        version = self._wire.head.partition(b" ")[0]

        if version not in _VERSIONS:
            raise TransportError(_BROKEN, f"an answer in {version!r}")

        lengths = _LENGTHS.findall(self._wire.head)
        chunked = any(n.lower() == b"transfer-encoding" for n, _ in response.headers)

        if len(lengths) + chunked > 1:
            raise TransportError(_BROKEN, "an answer that has more than one length")

        if lengths and not _LENGTH.fullmatch(lengths[0]):
            raise TransportError(_BROKEN, f"an answer of length {lengths[0]!r}")

        self._wire.expect(int(lengths[0]) if lengths else None)

    def _settle(self, *, whole: bool) -> None:
        self.reusable: bool = whole and self._http.is_idle() and self._wire.is_clean

    def _is_lost(self) -> bool:
        return False  # the wire itself knows, and says so


class SharedConnection(HttpcoreConnection):
    """Speaks HTTP/2: any number of requests at a time."""

    is_shared = True

    def __init__(self, opened: Opened, target: Target, *, keep: int) -> None:
        super().__init__(opened, keep=keep)
        self._wire = SharedWire(opened)
        self._http = httpcore2.AsyncHTTP2Connection(_origin(target), self._wire)

    def is_quiet(self) -> bool:
        """Tell whether it takes another request. What has come may be for others."""
        return self.reusable and self._http.is_available()

    def _settle(self, *, whole: bool) -> None:
        self.reusable: bool = self.reusable and whole and not self._is_lost()

    def _is_lost(self) -> bool:
        return self._wire.lost or not self._http.is_available()


@attrs.define(eq=False)
class _Body:
    """As much of a body as was read."""

    kept: bytearray = attrs.field(factory=bytearray)
    seen: int = 0
    whole: bool = False


def _origin(target: Target) -> httpcore2.Origin:
    host = target.host.encode("ascii")
    return httpcore2.Origin(target.scheme.encode("ascii"), host, target.port)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
