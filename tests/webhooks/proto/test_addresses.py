"""URLs taken apart, addresses judged: the good, the bad, and the strange."""

from __future__ import annotations

import ipaddress
import socket
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.webhooks._proto.addresses import (
    carried,
    parse_url,
    read_address,
    why_not_public,
)
from upcall.webhooks._proto.errors import BlockedError

GOOD_ADDRESSES = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
    ),
    *("192.0.1.1", "198.17.255.255", "198.20.0.1", "168.63.129.15", "223.255.255.255"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1"),
    *("2001:200::1", "::ffff:1.1.1.1", "64:ff9b::808:808", "3ffe::1"),
]
BAD_ADDRESSES = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.0.1"),
    *("127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.2.1"),
    *("192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *(
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:7f00:1",
    ),
    *("::ffff:169.254.169.254", "::5efe:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1"),
    *(
        "2001:db8::1",
        "2002:7f00:1::",
        "2620:4f:8000::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
    ),
    *("fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1"),
    *("e000::1", "1fff::1", "64:ff9b::a9fe:a9fe"),
]
NO_ADDRESSES = [
    *("", "localhost", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "256.1.1.1"),
    *(
        " 1.1.1.1",
        "1.1.1.1 ",
        "1.1.1.1\n",
        "1.1.1.1/32",
        "[::1]",
        "::1%lo",
        "fe80::1%1",
    ),
    *("2606:4700::1%eth0", "\uff11.1.1.1", "\u0661.1.1.1", "::g", ":::", "1::2::3"),
]


@pytest.mark.parametrize("text", GOOD_ADDRESSES)
def test_a_public_address_is_one(text: str) -> None:
    """Next to every refused range begins the internet."""
    assert why_not_public(read_address(text)) is None


@pytest.mark.parametrize("text", BAD_ADDRESSES)
def test_an_address_that_is_not_public_says_why(text: str) -> None:
    """Private, local, shared, reserved, documented, translated, not handed out."""
    assert why_not_public(read_address(text))


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_merely_resembles_an_address_is_none(text: str) -> None:
    """Zones too: an address of one link is of no use to anybody else."""
    with pytest.raises(BlockedError):
        read_address(text)


@settings(deadline=None)
@given(number=st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_every_disguise(number: int) -> None:
    """Mapped and translated, it ends up in the same place."""
    plain = ipaddress.IPv4Address(number)
    mapped = ipaddress.IPv6Address(f"::ffff:{plain}")
    translated = ipaddress.IPv6Address((0x64FF9B << 96) + number)

    assert carried(mapped) == carried(translated) == plain
    assert why_not_public(plain) == why_not_public(mapped) == why_not_public(translated)


@settings(deadline=None)
@given(address=st.ip_addresses())
def test_nothing_that_the_library_calls_private_is_public_to_us(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """The standard library's list is shorter than ours, and changes with versions."""
    inner = carried(address)

    if inner.is_private or inner.is_multicast or inner.is_reserved:
        assert why_not_public(address) or inner in ipaddress.ip_network("2001:200::/23")


GOOD_URLS = {
    "https://example.com": ("https", "example.com", 443, "/"),
    "https://example.com/a/b?c=d&e": ("https", "example.com", 443, "/a/b?c=d&e"),
    "HTTPS://EXAMPLE.Com/A": ("https", "example.com", 443, "/A"),
    "https://example.com:8443/x": ("https", "example.com", 8443, "/x"),
    "http://example.com?x": ("http", "example.com", 80, "/?x"),
    "https://example.com#top": ("https", "example.com", 443, "/"),
    "https://example.com/a#top": ("https", "example.com", 443, "/a"),
    "https://example.com./a": ("https", "example.com", 443, "/a"),
    "https://a_b.ex-ample.com/": ("https", "a_b.ex-ample.com", 443, "/"),
    "https://r3---sn.example.com/": ("https", "r3---sn.example.com", 443, "/"),
    "https://b\u00fccher.example/": ("https", "xn--bcher-kva.example", 443, "/"),
    "https://fa\u00df.example/": ("https", "xn--fa-hia.example", 443, "/"),
    "https://\u4f8b\u3048\u3002\u30c6\u30b9\u30c8/": (
        *("https", "xn--r8jz45g.xn--zckzah", 443, "/"),
    ),
    "https://1.1.1.1/": ("https", "1.1.1.1", 443, "/"),
    "https://[2606:4700:4700::1111]:444/": ("https", "2606:4700:4700::1111", 444, "/"),
    "https://[2606:4700:4700:0::1111]/": ("https", "2606:4700:4700::1111", 443, "/"),
    "https://example.com//a/../b": ("https", "example.com", 443, "//a/../b"),
    "https://example.com/%0d%0a": ("https", "example.com", 443, "/%0d%0a"),
    "https://123.example": ("https", "123.example", 443, "/"),
}
BAD_URLS = [
    # No URL of a web server.
    *(
        "",
        "example.com",
        "/hooks",
        "//example.com/",
        "https:example.com",
        "https:/a.com",
    ),
    *("https://", "https:///hooks", "https://?x", "https://#x", "://example.com"),
    *("mailto:a@example.com", "file:///etc/passwd", "1https://example.com"),
    # Characters that readers see differently.
    *("https://example.com/a b", " https://example.com/", "https://example.com/ "),
    *(
        "https://exam\tple.com/",
        "https://example.com\n/",
        "https://example.com/\r\nX: y",
    ),
    *("https://example.com/\x00", "https://example.com\\@evil.com/", "https:\\\\a.com"),
    *(
        "https://example.com/\x7f",
        "https://example.com/\u00e9",
        "https://a.com/?\u20ac",
    ),
    *("https://example.com/\ud800", "https://example.com/\u2028"),
    "https://example.com/" + "a" * 2048,
    # Credentials.
    *("https://user@example.com/", "https://u:p@example.com/", "https://@example.com/"),
    *("https://example.com@evil.com/", "https://a@b@c.com/"),
    # Ports.
    *(
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:-1/",
    ),
    *("https://example.com:/", "https://example.com:x/", "https://example.com:+443/"),
    *("https://example.com:443:443/", "https://example.com:\u0664\u0664\u0663/"),
    "https://example.com:000443/",
    # Hosts that are none.
    *("https://localhost/", "https://localhost./", "https://metadata/", "https://./"),
    *(
        "https://intranet:443/",
        "https://a..b/",
        "https://.example.com/",
        "https://-a.com/",
    ),
    *("https://a-.com/", "https://exam!ple.com/", "https://*.example.com/"),
    *(
        "https://exa%6dple.com/",
        "https://127.0.0.1%00.example.com/",
        "https://a.com%2f/",
    ),
    *(
        "https://a,b.com/",
        "https://a;b.com/",
        "https://a.com../",
        "https://\u00ad.com/",
    ),
    *("https://exam\u200dple.com/", "https://a\u2044b.com/", "https://\ud800.com/"),
    f"https://{'a' * 64}.com/",
    f"https://{'.'.join(['a' * 49] * 6)}/",
    # Numbers that some resolver reads as an address.
    *(
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f.1/",
        "https://127.1/",
    ),
    *(
        "https://2130706433/",
        "https://0x7f000001/",
        "https://017700000001/",
        "https://0/",
    ),
    *("https://1.2.3.4.5/", "https://1.2.3/", "https://256.0.0.1/", "https://a.com.1/"),
    *("https://a.0x/", "https://a.0xff/", "https://127.0.0.01/", "https://0/"),
    *("https://\u2460\u2461\u2466.1/", "https://\uff10x7f.1/"),
    # Brackets.
    *("https://[::1/", "https://::1]/", "https://[]/", "https://[example.com]/"),
    *("https://[127.0.0.1]/", "https://[v1.x]/", "https://[fe80::1%25eth0]/"),
    *(
        "https://[fe80::1%eth0]/",
        "https://[::1]x/",
        "https://x[::1]/",
        "https://[:::]/",
    ),
    *("https://[::1]:x/", "https://[::ffff:0177.0.0.1]/"),
]


@pytest.mark.parametrize(("url", "parts"), GOOD_URLS.items())
def test_a_good_url_comes_apart(url: str, parts: tuple[str, str, int, str]) -> None:
    """Host in the form that is looked up, path as it was written."""
    found = parse_url(url)

    assert (found.scheme, found.host, found.port, found.path) == parts


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_refused_for_good(url: str) -> None:
    """Asking again would not help, and the message shows no path and no query."""
    with pytest.raises(BlockedError) as caught:
        parse_url(url)

    assert caught.value.permanent


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://127.0.0.1/",
            "https://127.0.0.1./",
            "https://\uff11\uff12\uff17.0.0.1",
        ),
        *(
            "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
            "https://127\u30020\u30020\u30021",
        ),
        *("https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/"),
    ],
)
def test_a_disguised_address_is_seen_for_what_it_is(url: str) -> None:
    """Width, circles and other dots are gone before anybody looks for numbers."""
    address = parse_url(url).address

    assert address is not None
    assert carried(address) == ipaddress.ip_address("127.0.0.1")


def test_a_message_shows_no_path() -> None:
    """Paths and queries hold tokens."""
    for url in ("https://a b.com/s3cr3t?t=s3cr3t", "https://localhost/s3cr3t?s3cr3t"):
        with pytest.raises(BlockedError) as caught:
            parse_url(url)

        assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("http://example.com:80/", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("https://[2606:4700::1]/", "[2606:4700::1]"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
        ("https://EXAMPLE.com./", "example.com"),
    ],
)
def test_a_target_knows_its_host_header(url: str, header: str) -> None:
    """Brackets around IPv6, and no port where it is the usual one."""
    assert parse_url(url).host_header == header


def test_connections_are_kept_by_scheme_host_and_port() -> None:
    """Never by address: two names on one server have two certificates."""
    assert parse_url("https://a.com/x").origin == parse_url("https://a.com/y").origin
    assert parse_url("https://a.com/").origin != parse_url("http://a.com:443/").origin


HOSTILE = string.ascii_lowercase + ".:/?#[]@%\\ \t0x\u3002\uff11\u2460\u00df\ud800"


@settings(deadline=None)
@given(
    rest=st.one_of(
        st.text(), st.text(alphabet=HOSTILE), st.from_regex(r"\A[a-z0-9.\[\]:@]{1,30}")
    )
)
def test_every_text_is_a_target_or_blocked(rest: str) -> None:
    """Whatever comes through can stand in a request line and in a lookup."""
    try:
        found = parse_url(f"https://{rest}")
    except BlockedError:
        return

    assert found.host.isascii()
    assert found.host == found.host.lower().strip(".")
    assert 0 < found.port < 65536
    assert found.path.startswith("/")
    assert found.path.isascii()
    assert found.path.isprintable()
    assert " " not in found.path
    # What a second reader makes of our reading is the same.
    again = urlsplit(f"https://{found.host_header}{found.path}")
    assert again.hostname == found.host
    assert again.port in (None, found.port)


@settings(deadline=None)
@given(text=st.from_regex(r"\A(0x)?[0-9a-f]{1,4}(\.(0x)?[0-9a-f]{1,4}){0,3}\.?\Z"))
def test_no_name_is_a_number_to_the_system(text: str) -> None:
    """What the C library reads as an address must not pass for a name."""
    try:
        found = parse_url(f"https://{text}/")
    except BlockedError:
        return

    if found.address is not None:
        assert str(found.address) == text.removesuffix(".")
        return

    with pytest.raises(OSError, match="illegal IP address"):
        socket.inet_aton(found.host)
