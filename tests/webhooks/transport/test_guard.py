"""The guard: what its options open and close."""

from __future__ import annotations

import ipaddress
from typing import Any

import attrs
import pytest

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import BlockedError
from upcall.webhooks.transport.guard import Guard


@pytest.mark.parametrize(
    "url",
    ["https://example.com/", "https://example.com:443/a?b", "https://1.1.1.1/"],
)
def test_a_guard_lets_public_https_through(url: str) -> None:
    """A name is not looked up here, so any will do."""
    Guard().check(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", r"the scheme 'http' is refused \(use https\)"),
        ("ftp://example.com/", "the scheme 'ftp' is refused"),
        ("ws://example.com/", "the scheme 'ws' is refused"),
        ("gopher://example.com:443/", "the scheme 'gopher' is refused"),
        ("https://example.com:8443/", "the port 8443 is refused"),
        ("https://example.com:80/", "the port 80 is refused"),
        ("https://127.0.0.1/", r"not a public address \(127.0.0.0/8, loopback\)"),
        ("https://169.254.169.254/latest", "169.254.0.0/16, link-local"),
        ("https://[::1]/", "outside 2000::/3"),
        ("https://[::ffff:10.0.0.1]/", "10.0.0.0/8, private"),
        ("https://localhost/", "a name of the local network"),
        ("https://2130706433/", "no IP address"),
        ("https://a@example.com/", "credentials"),
        ("not a url", "blank"),
    ],
)
def test_a_guard_says_why_it_refuses_a_url(url: str, reason: str) -> None:
    """And that it will do so the next time, too."""
    with pytest.raises(BlockedError, match=reason) as caught:
        Guard().check(url)

    assert caught.value.permanent


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "::1", "64:ff9b::a00:1", "nonsense", "fe80::1%eth0"]
)
def test_check_address_refuses_what_is_not_public(text: str) -> None:
    """The same judgement as for answers of the name service."""
    Guard().check_address("8.8.8.8")

    with pytest.raises(BlockedError):
        Guard().check_address(text)


def test_a_guard_opens_what_a_developers_machine_needs() -> None:
    """The example of the documentation."""
    guard = Guard(allow=["127.0.0.0/8"], schemes={"http", "https"}, ports=None)

    guard.check("http://127.0.0.1:8000/hooks")
    guard.check("https://127.0.0.1:8443/hooks")
    guard.check_address("127.9.9.9")
    guard.check_address("::ffff:127.0.0.1")

    with pytest.raises(BlockedError, match="not a public address"):
        guard.check("http://10.0.0.1/")


def test_deny_is_stronger_than_allow_and_than_the_table() -> None:
    """A hole in a hole."""
    guard = Guard(allow=["10.0.0.0/8"], deny=["10.1.0.0/16", "1.1.1.0/24", "2606::/16"])

    guard.check_address("10.2.0.1")

    for text in ("10.1.0.1", "::ffff:10.1.0.1", "1.1.1.1", "64:ff9b::101:101"):
        with pytest.raises(BlockedError, match=r"refused by Guard\(deny"):
            guard.check_address(text)


def test_deny_reaches_the_shell_of_an_address_and_allow_does_not() -> None:
    """To allow a translator's prefix would allow all that it translates."""
    with pytest.raises(BlockedError, match="deny"):
        Guard(deny=["64:ff9b::/96"]).check_address("64:ff9b::808:808")

    with pytest.raises(BlockedError, match="not a public address"):
        Guard(allow=["64:ff9b::/96"]).check_address("64:ff9b::7f00:1")


def test_networks_may_be_objects_and_one_may_stand_alone() -> None:
    """What is iterable text elsewhere is one network here."""
    network = ipaddress.ip_network("10.0.0.0/8")

    assert Guard(allow=[network]) == Guard(allow="10.0.0.0/8")
    assert Guard(allow=network) == Guard(allow=["10.0.0.0/8"])
    assert Guard(deny="10.0.0.1").deny == (ipaddress.ip_network("10.0.0.1/32"),)
    assert Guard(schemes="http").schemes == {"http"}
    assert Guard(ports=443) == Guard()
    assert Guard(ports=[80, 8080]).ports == frozenset({80, 8080})


@pytest.mark.parametrize(
    "options",
    [
        {"allow": 3},
        {"allow": [3]},
        {"allow": None},
        {"allow": [b"10.0.0.0/8"]},
        {"allow": ["10.0.0.1/8"]},
        {"allow": ["localhost"]},
        {"allow": "localhost"},
        {"deny": [""]},
        {"deny": 0},
        {"schemes": ["ftp"]},
        {"schemes": []},
        {"schemes": 3},
        {"schemes": None},
        {"schemes": ["https", 3]},
        {"ports": [0]},
        {"ports": 65536},
        {"ports": []},
        {"ports": "443"},
        {"ports": ["443"]},
        {"ports": [443, None]},
    ],
)
def test_a_guard_refuses_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """A guard that is not what it seems is worse than none; it says what to give."""
    with pytest.raises(OptionError, match="give "):
        Guard(**options)


@pytest.mark.parametrize(
    ("url", "guard", "advice"),
    [
        ("http://a.example:443/", Guard(), "Guard(schemes={'http', 'https'})"),
        ("https://a.example:8443/", Guard(), "Guard(ports={443, 8443})"),
        ("https://10.1.2.3/", Guard(), "Guard(allow=['10.1.2.3'])"),
        ("https://[::ffff:10.1.2.3]/", Guard(), "Guard(allow=['10.1.2.3'])"),
        ("https://[64:ff9b::a01:203]/", Guard(), "Guard(allow=['10.1.2.3'])"),
        ("https://[fd00::1]/", Guard(), "Guard(allow=['fd00::1'])"),
        (
            "http://127.0.0.1:8000/hooks",
            Guard(),
            "Guard(schemes={'http', 'https'}, ports={443, 8000}, allow=['127.0.0.1'])",
        ),
        (
            "https://127.0.0.1:8000/",
            Guard(allow="10.0.0.0/8", ports=[443, 80]),
            "Guard(ports={80, 443, 8000}, allow=['10.0.0.0/8', '127.0.0.1'])",
        ),
    ],
)
def test_a_refusal_names_the_guard_that_lets_it_pass(
    url: str, guard: Guard, advice: str
) -> None:
    """All reasons at once; and the advice works."""
    with pytest.raises(BlockedError, match=r"lets it pass$") as caught:
        guard.check(url)

    assert f": {advice} lets it pass" in str(caught.value)

    opened: Guard = eval(advice, {"Guard": Guard})
    opened.check(url)


@pytest.mark.parametrize(
    "url", ["ftp://10.0.0.1/", "https://10.0.0.1:8443/", "http://a.example:70000/"]
)
def test_what_no_guard_lets_pass_gets_no_such_advice(url: str) -> None:
    """A scheme that is not HTTP, or an address that is denied."""
    with pytest.raises(BlockedError) as caught:
        Guard(deny=["10.0.0.0/8"]).check(url)

    assert "pass" not in str(caught.value)


def test_a_guard_cannot_be_changed() -> None:
    """What it judged stays judged."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Guard().ports = None  # type: ignore[misc]
