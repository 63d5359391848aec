"""From a target to a connection: looked up, judged, connected to, encrypted."""

# Rule 1: every address of a name is judged before any is tried; one bad address
#   condemns the name, or an attacker would mix good ones in.
# Rule 2: only literals are connected to, so nothing looks the name up a second time.
# Rule 3: every new connection begins here. What was judged yesterday is judged again.

from __future__ import annotations

__all__ = ("Connector", "Progress")

import ssl
from collections.abc import Sequence
from typing import Final

import anyio
import attrs
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream

from upcall.webhooks._proto.addresses import Target, carried, read_address
from upcall.webhooks._proto.answer import TransportError
from upcall.webhooks._proto.errors import BlockedError

from .contract import Resolver
from .guard import Guard
from .opened import Opened

_MOST_ADDRESSES: Final = 4
_BROKEN: Final = (anyio.BrokenResourceError, anyio.EndOfStream, OSError)


@attrs.define(eq=False)
class Progress:
    """How far a request has come, to be told when its time is over."""

    doing: str = "beginning"
    address: str | None = None


@attrs.frozen(kw_only=True, eq=False)
class Connector:
    """Opens connections. Immutable, and safe for any number of calls at a time."""

    guard: Guard
    resolver: Resolver
    ssl_context: ssl.SSLContext | None
    timeout: float
    """For lookup, connection and handshake together, over all addresses, in seconds."""

    async def connect(self, target: Target, progress: Progress) -> Opened:
        """Open a connection; cancelled, it leaves none behind.

        Raises:
            TransportError: no address, or none of the first four can be reached.
            BlockedError: the guard refuses one of the addresses.
        """
        deadline = anyio.current_time() + self.timeout
        progress.doing = f"looking up {target.host}"
        addresses = await self._look_up(target)
        tries = addresses[:_MOST_ADDRESSES]
        failure = TransportError("dns", f"{target.host} has no address")

        for place, address in enumerate(tries):
            progress.doing, progress.address = f"connecting to {address}", address
            left = deadline - anyio.current_time()
            found = await self._try(target, address, left / (len(tries) - place))

            if isinstance(found, Opened):
                return found

            failure = found

        raise failure

    async def _look_up(self, target: Target) -> Sequence[str]:
        """Return the addresses of a target, all of them judged."""
        if target.address is not None:
            return [target.host]

        found: Sequence[str] | None = None

        try:
            with anyio.move_on_after(self.timeout):
                found = await self.resolver(target.host, target.port)
        except OSError as error:
            raise TransportError("dns", f"{target.host}: {error}") from error

        if found is None:
            raise TransportError(
                "dns", f"{target.host}: no answer within {self.timeout:g} s"
            )

        for address in found:
            self._judge(target, address)

        return list(dict.fromkeys(found))

    def _judge(self, target: Target, address: str) -> None:
        try:
            self.guard.check_address(address)
        except BlockedError as error:
            raise BlockedError(
                f"{target.host} has a bad address: {error}", permanent=False
            ) from error

    async def _try(
        self, target: Target, address: str, seconds: float
    ) -> Opened | TransportError:
        """Try one address; its failure is a value, since another may follow."""
        with anyio.move_on_after(seconds):
            try:
                return await self._open(target, address)
            except OSError as error:
                text = str(error.__cause__ or error)
                return TransportError("connect", text, address=address)
            except TransportError as error:
                return error

        return TransportError(
            "timeout", f"no connection within {seconds:.3g} s", address=address
        )

    async def _open(self, target: Target, address: str) -> Opened:
        plain = await anyio.connect_tcp(address, target.port)

        try:
            _compare(plain, address)
            stream = await self._encrypt(plain, target, address)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(plain)

            raise

        return Opened(stream, address)

    async def _encrypt(
        self, plain: SocketStream, target: Target, address: str
    ) -> ByteStream:
        if target.scheme != "https":
            return plain

        try:
            return await TLSStream.wrap(
                plain,
                hostname=target.host,
                ssl_context=self.ssl_context,
                standard_compatible=False,
            )
        except _BROKEN as error:
            text = str(error) or type(error.__cause__ or error).__name__
            raise TransportError("tls", text, address=address) from error


def _compare(stream: SocketStream, address: str) -> None:
    """Make sure that the other end is where we wanted to go."""
    peer = stream.extra(SocketAttribute.remote_address)[0]  # noqa: S610 (not Django)

    if carried(read_address(str(peer))) != carried(read_address(address)):
        raise BlockedError(f"connected to {peer}, not to {address}", permanent=False)
