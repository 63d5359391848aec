"""Where a request may go: URLs taken apart, addresses judged. No name is looked up."""

# Rule 1: what was judged is what is connected to. A URL is read once, by one strict
#   grammar, and everything after works with the parts.
# Rule 2: refuse by shape first: whatever the resolver of some system would read as a
#   number (0177.1, 0x7f.1, 2130706433) is one to us, and must then be a strict address.
# Rule 3: IPv4 has a list of what is refused, IPv6 one of what is allowed: nearly all of
#   IPv6 is not handed out yet. An address that carries another is judged by that one.
# Rule 4: no message shows a path or a query: they hold tokens.
#
# The tables follow the special-purpose registries of IANA (RFC 6890 and its updates),
# with deprecated ranges, multicast, and cloud services that are routable on paper.

from __future__ import annotations

__all__ = (
    "Address",
    "Network",
    "Target",
    "carried",
    "parse_url",
    "read_address",
    "why_not_public",
)

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs
import idna

from .errors import BlockedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_URL: Final = 2048
_LONGEST_NAME: Final = 253
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_NEVER: Final = re.compile(r"[\x00-\x20\x7f\\]")
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:\#.*)?",
    re.DOTALL,
)
_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:%]+))(?::(?P<port>[0-9]{1,5}))?",
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

_Table = tuple[tuple[Network, str], ...]


def _table(rows: Mapping[str, str]) -> _Table:
    return tuple((ipaddress.ip_network(text), why) for text, why in rows.items())


_REFUSED_4: Final = _table(
    {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by a provider's customers",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "protocol assignments",
        "192.0.2.0/24": "documentation",
        "192.31.196.0/24": "AS112",
        "192.52.193.0/24": "AMT",
        "192.88.99.0/24": "6to4 relays",
        "192.168.0.0/16": "private",
        "192.175.48.0/24": "AS112",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "168.63.129.16/32": "a cloud's own service",
    }
)
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_6: Final = _table(
    {
        "2001::/23": "protocol assignments",
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "2620:4f:8000::/48": "AS112",
        "3fff::/20": "documentation",
    }
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@attrs.frozen(kw_only=True)
class Target:
    """Where a URL leads: its parts, each in the form in which it is used."""

    scheme: str
    """In lower case."""

    host: str
    """A name in ASCII and lower case, or an address; IPv6 without brackets."""

    port: int

    path: str
    """With the query; never empty."""

    address: Address | None = None
    """The host, where it is an address and not a name."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What connections are kept by."""
        return (self.scheme, self.host, self.port)

    @property
    def host_header(self) -> str:
        """The host as the header ``Host`` has it (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _DEFAULT_PORTS.get(self.scheme) == self.port
        return host if usual else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Take a URL apart, strictly; any scheme that has a host may come out.

    Raises:
        BlockedError: if it is too long, malformed, or written so that two readers could
            see two different hosts in it.
    """
    if len(url) > _LONGEST_URL:
        raise BlockedError(f"the URL has more than {_LONGEST_URL} characters")

    if _NEVER.search(url):
        raise BlockedError("the URL has a blank, control character or backslash in it")

    parts = _URL.fullmatch(url)

    if parts is None:
        raise BlockedError("the URL is not of the form https://host/path")

    scheme = parts["scheme"].lower()
    host, port, address = _parse_authority(parts["authority"])
    path = (parts["path"] or "/") + (parts["query"] or "")

    if not path.isascii():
        raise BlockedError("path or query are not ASCII: percent-encode them")

    if port is None:
        port = _DEFAULT_PORTS.get(scheme, 0)

    return Target(scheme=scheme, host=host, port=port, path=path, address=address)


def read_address(text: str) -> Address:
    """Read one address as it stands, and nothing that merely resembles one.

    Raises:
        BlockedError: if it is none, or has a zone.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BlockedError(f"{text!r} is no IP address") from None

    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise BlockedError(f"{text!r} has a zone: it is of one link only")

    return address


def carried(address: Address) -> Address:
    """Return the address where packets to this one end up.

    IPv4-mapped addresses and those of the well-known NAT64 prefix (RFC 6052) carry an
    IPv4 address. All others are their own.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address

    if address.ipv4_mapped is not None:
        return address.ipv4_mapped

    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)

    return address


def why_not_public(address: Address) -> str | None:
    """Return why an address is not of the public internet, or None if it is."""
    inner = carried(address)

    if isinstance(inner, ipaddress.IPv4Address):
        return _reason(inner, _REFUSED_4)

    if inner not in _GLOBAL_6:
        return f"outside {_GLOBAL_6}"

    return _reason(inner, _REFUSED_6)


def _reason(address: Address, table: _Table) -> str | None:
    found: Iterable[str] = (
        f"{network}, {why}" for network, why in table if address in network
    )
    return next(iter(found), None)


def _parse_authority(text: str) -> tuple[str, int | None, Address | None]:
    """Give host, port and, if the host is one, the address."""
    if "@" in text:
        raise BlockedError("the URL has credentials in it: send them in a header")

    parts = _AUTHORITY.fullmatch(text)

    if parts is None:
        raise BlockedError(f"{text!r} is not of the form host or host:port")

    port = _parse_port(parts["port"])

    if parts["literal"] is not None:
        address = read_address(parts["literal"])

        if not isinstance(address, ipaddress.IPv6Address):
            raise BlockedError(f"{text!r}: only IPv6 addresses stand in brackets")

        return str(address), port, address

    host = _parse_name(parts["name"])

    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return host, port, read_address(host)

    return host, port, None


def _parse_port(text: str | None) -> int | None:
    if text is None:
        return None

    if not 0 < int(text) <= 65535:  # noqa: PLR2004 (the largest there is)
        raise BlockedError(f"{text} is no port: use 1 to 65535")

    return int(text)


def _parse_name(text: str) -> str:
    """Bring a host into the one form that is looked up, judged and sent."""
    name = text.lower() if text.isascii() else _encode(text)
    name = name.removesuffix(".")
    labels = name.split(".")

    if _NUMBER.fullmatch(labels[-1]):
        return name

    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise BlockedError(f"{text!r} is no host name")

    if len(labels) == 1:
        raise BlockedError(
            f"{text!r} is a name of the local network: write a full name, or an "
            "address such as 127.0.0.1"
        )

    return name


def _encode(text: str) -> str:
    """Map an international name as browsers do: UTS 46, non-transitional, IDNA 2008."""
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii")
    except UnicodeError:  # the root of idna's errors
        raise BlockedError(f"{text!r} is no host name") from None
