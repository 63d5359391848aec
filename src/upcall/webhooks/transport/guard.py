"""The guard: where requests may go. By default to public addresses, over https."""

from __future__ import annotations

__all__ = ("Guard",)

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeVar, cast

import attrs

from upcall.errors import OptionError
from upcall.webhooks._proto.addresses import (
    Address,
    Network,
    Target,
    carried,
    parse_url,
    read_address,
    why_not_public,
)
from upcall.webhooks._proto.errors import BlockedError

_SCHEMES: Final = frozenset({"http", "https"})
_NETWORKS: Final = (ipaddress.IPv4Network, ipaddress.IPv6Network)
_GIVE_NETWORKS: Final = "give networks such as ['10.0.0.0/8'], or addresses"

_T = TypeVar("_T")


def _networks(values: str | Network | Iterable[str | Network]) -> tuple[Network, ...]:
    if isinstance(values, (str, *_NETWORKS)):
        return (_network(values),)

    if not isinstance(values, Iterable):
        raise OptionError(f"allow or deny is {values!r}: {_GIVE_NETWORKS}")

    return tuple(_network(each) for each in values)


def _network(value: object) -> Network:
    if not isinstance(value, (str, *_NETWORKS)):
        raise OptionError(f"{value!r} is no network: {_GIVE_NETWORKS}")

    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise OptionError(f"{error}: {_GIVE_NETWORKS}") from None


def _schemes(values: str | Iterable[str]) -> frozenset[str]:
    schemes = _several(values, str)

    if not schemes or not schemes <= _SCHEMES:
        raise OptionError(f"schemes={values!r}: give 'https', 'http' or both in a set")

    return schemes


def _ports(values: int | Iterable[int] | None) -> frozenset[int] | None:
    if values is None:
        return None

    ports = _several(values, int)

    if not ports or not all(0 < port <= 65535 for port in ports):  # noqa: PLR2004 (the largest there is)
        raise OptionError(
            f"ports={values!r}: give numbers from 1 to 65535, such as {{443, 8443}}, "
            "or None for any"
        )

    return ports


def _several(values: object, kind: type[_T]) -> frozenset[_T]:
    """Take one or several of a kind; nothing at all if there is another among them."""
    if isinstance(values, kind):
        return frozenset({values})

    if not isinstance(values, Iterable):
        return frozenset()

    found = frozenset(cast("Iterable[object]", values))
    right = frozenset(each for each in found if isinstance(each, kind))
    return right if len(right) == len(found) else frozenset()


@attrs.frozen(kw_only=True)
class Guard:
    """Judges URLs and addresses before a request goes there. Immutable.

    ``Guard(allow=["127.0.0.0/8"], schemes={"http", "https"}, ports=None)`` opens what a
    developer's machine needs.

    It covers neither a process that was taken over nor services on public addresses
    inside your own network: a firewall for what goes out is the second line.
    """

    allow: tuple[Network, ...] = attrs.field(default=(), converter=_networks)
    """Networks that may be reached though they are not public."""

    deny: tuple[Network, ...] = attrs.field(default=(), converter=_networks)
    """Networks that may never be reached; stronger than ``allow``."""

    schemes: frozenset[str] = attrs.field(
        default=frozenset({"https"}), converter=_schemes
    )
    """``"https"``, ``"http"`` or both."""

    ports: frozenset[int] | None = attrs.field(
        default=frozenset({443}), converter=_ports
    )
    """The ports that may be reached; None for any."""

    def check(self, url: str) -> None:
        """Return if the text of the URL gives no reason to refuse it.

        No name is looked up: names are judged at every connection.

        Raises:
            BlockedError: with the reason; ``permanent`` is True.
        """
        self.target(url)

    def check_address(self, text: str) -> None:
        """Return if a connection to this address may be made.

        Raises:
            BlockedError: with the reason.
        """
        _refuse([self._address(read_address(text))])

    def target(self, url: str) -> Target:
        """Check a URL as `check` does, and return its parts.

        Raises:
            BlockedError: with the reason; ``permanent`` is True.
        """
        target = parse_url(url)
        found = [self._scheme(target.scheme), self._port(target.port)]

        if target.address is not None:
            found.append(self._address(target.address))

        _refuse(found)
        return target

    def _scheme(self, scheme: str) -> _Refusal | None:
        if scheme in self.schemes:
            return None

        usable = " or ".join(sorted(self.schemes))
        return _Refusal(
            f"the scheme {scheme!r} is refused (use {usable})",
            "schemes={'http', 'https'}" if scheme in _SCHEMES else None,
        )

    def _port(self, port: int) -> _Refusal | None:
        if self.ports is None or port in self.ports:
            return None

        ports = ", ".join(map(str, sorted({*self.ports, port})))
        return _Refusal(f"the port {port} is refused", f"ports={{{ports}}}")

    def _address(self, address: Address) -> _Refusal | None:
        inner = carried(address)

        if any(address in network or inner in network for network in self.deny):
            return _Refusal(f"{address} is refused by Guard(deny=...)")

        # Only what is carried: to allow the shell would be to allow all that fits in.
        if any(inner in network for network in self.allow):
            return None

        reason = why_not_public(address)

        if reason is None:
            return None

        return _Refusal(
            f"{address} is not a public address ({reason})",
            f"allow={[*map(str, self.allow), str(inner)]}",
        )


@attrs.frozen
class _Refusal:
    """Why something is refused, and which option would let it pass, if one does."""

    reason: str
    option: str | None = None


def _refuse(found: Iterable[_Refusal | None]) -> None:
    """Raise one error for all that was found, with the one guard that opens it."""
    refusals = [each for each in found if each is not None]

    if not refusals:
        return

    text = ", ".join(each.reason for each in refusals)
    options = [each.option for each in refusals if each.option is not None]

    if len(options) == len(refusals):
        text += f": Guard({', '.join(options)}) lets it pass"

    raise BlockedError(text)
