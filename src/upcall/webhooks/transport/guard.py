"""The guard: where requests may go. By default to public addresses, over https."""

from __future__ import annotations

__all__ = ("Guard",)

import ipaddress
from collections.abc import Iterable
from typing import Final

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


def _networks(values: Iterable[str | Network]) -> tuple[Network, ...]:
    several = (values,) if isinstance(values, str) else values
    return tuple(_network(each) for each in several)


def _network(value: str | Network) -> Network:
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise OptionError(f"{error}: give '10.0.0.0/8', for example") from None


def _schemes(values: Iterable[str]) -> frozenset[str]:
    schemes = frozenset((values,) if isinstance(values, str) else values)

    if not schemes or not schemes <= _SCHEMES:
        raise OptionError(f"schemes={sorted(schemes)!r}: use 'http', 'https' or both")

    return schemes


def _ports(values: Iterable[int] | None) -> frozenset[int] | None:
    if values is None:
        return None

    ports = frozenset(values)

    if not ports or not all(0 < port <= 65535 for port in ports):  # noqa: PLR2004
        raise OptionError(f"ports={sorted(ports)!r}: use 1 to 65535, or None for any")

    return ports


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
        self._judge(read_address(text))

    def target(self, url: str) -> Target:
        """Check a URL as `check` does, and return its parts.

        Raises:
            BlockedError: with the reason; ``permanent`` is True.
        """
        target = parse_url(url)

        if target.scheme not in self.schemes:
            raise BlockedError(
                f"the scheme {target.scheme!r} is refused: "
                f"use {' or '.join(sorted(self.schemes))}"
            )

        if self.ports is not None and target.port not in self.ports:
            raise BlockedError(
                f"the port {target.port} is refused: Guard(ports=...) can open it"
            )

        if target.address is not None:
            self._judge(target.address)

        return target

    def _judge(self, address: Address) -> None:
        inner = carried(address)

        if any(address in network or inner in network for network in self.deny):
            raise BlockedError(f"{address} is refused by Guard(deny=...)")

        # Only what is carried: to allow the shell would be to allow all that fits in.
        if any(inner in network for network in self.allow):
            return

        reason = why_not_public(address)

        if reason is not None:
            raise BlockedError(
                f"{address} is not a public address ({reason}): "
                "Guard(allow=...) can open it"
            )
