"""Checks of endpoints: what is refused at registration, and what is shown."""

from __future__ import annotations

__all__ = ()

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.keys import matches
from upcall.webhooks._proto.endpoint import Endpoint, check_endpoint, hears
from upcall.webhooks._proto.errors import EndpointError
from upcall.webhooks._proto.schemes import new_secret

SECRET = new_secret()


def make_endpoint(**changes: Any) -> Endpoint:
    """Make an endpoint that is right, but for the changes."""
    fields: dict[str, Any] = {
        "id": "ep",
        "url": "https://example.com/hooks",
        "events": ["order.*"],
        "secret": SECRET,
    }
    return Endpoint(**(fields | changes))


def test_endpoint_that_is_right_is_taken() -> None:
    """The example of the README."""
    check_endpoint(make_endpoint())


def test_endpoint_makes_an_id() -> None:
    """Each one its own."""
    one, two = (Endpoint(url="u", events="*", secret=SECRET) for _ in "12")

    assert one.id != two.id
    check_endpoint(one)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"id": ""}, "id=''"),
        ({"id": "é"}, "printable ASCII"),
        ({"events": []}, r"events= is empty.*'\*\*' is every event"),
        ({"events": ["ord*"]}, "half a wildcard"),
        ({"events": [3]}, "3 is no key"),
        ({"secret": ""}, r"new_secret\(\)"),
        ({"secret": []}, r"new_secret\(\)"),
        ({"secret": "whsec_short"}, "endpoint 'ep': "),
        ({"scheme": "morse"}, "morse"),
        ({"headers": {"Host": "x"}}, "Host"),
        ({"headers": {"x y": "x"}}, "no header name"),
        ({"headers": {"x": "a\r\nb"}}, "'x' has a control character"),
        ({"headers": {"Webhook-Id": "1"}}, "set by Upcall"),
        ({"headers": {"x-hub-signature-256": "1"}}, "set by Upcall"),
        ({"headers": {"a": "1", "A": "2"}}, "twice"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": "soon"}, "endpoint 'ep'"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": 2.5}, "concurrency=2.5"),
        ({"schedule": ()}, "schedule"),
        ({"schedule": (0, -1)}, "-1"),
        ({"metadata": {"a": 1}}, "texts by name"),
        ({"url": 3}, "url=3: give a text"),
        ({"description": None}, "description=None: give a text"),
        ({"paused": 1}, "paused=1: give True or False"),
        ({"enabled": "no"}, "enabled='no': give True or False"),
        ({"ordered": None, "concurrency": 1}, "ordered=None"),
        ({"tenant": ""}, "tenant=''"),
        ({"tenant": "t" * 201}, "1 to 200"),
        ({"tenant": "a\nb"}, "printable"),
        ({"version": 0}, "version=0: give a whole number from 1 on"),
        ({"version": 2**31}, "version=2147483648"),
        ({"version": True}, "version=True"),
        ({"version": 1.0}, "version=1.0"),
        ({"format": "xml"}, "format='xml': use one of 'standard'"),
        ({"format": "cloudevents"}, "needs source="),
        ({"format": "cloudevents-binary"}, "needs source="),
        ({"source": ""}, "source=''"),
        ({"source": "a b"}, "source='a b'"),
        ({"source": "%zz"}, "source='%zz'"),
        ({"source": "/" * 2001}, "source="),
        ({"source": 3}, "source=3"),
        ({"rate": 0}, "rate=0: give requests per second"),
        ({"rate": -1.0}, "rate=-1.0"),
        ({"rate": 1e-9}, "rate=1e-09"),
        ({"rate": 1e9}, "rate=1000000000.0"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": True}, "rate=True"),
        ({"rate": "fast"}, "endpoint 'ep'"),
        ({"ordered": True, "concurrency": 2}, "ordered=True with concurrency=2"),
        ({"filter": {"$nope": 1}}, "filter="),
        ({"secret": [SECRET] * 11}, "has 11 secrets: give 10 at most"),
        ({"scheme": "none"}, "takes no secret"),
        ({"headers": {"ce-id": "1"}}, "set by Upcall"),
        ({"headers": {"X-Shopify-Topic": "1"}}, "set by Upcall"),
        (
            {"scheme": "bearer", "secret": "s" * 20, "headers": {"Authorization": "x"}},
            "set by Upcall",
        ),
    ],
)
def test_endpoint_that_is_wrong_is_refused(changes: dict[str, Any], text: str) -> None:
    """With one error of ours, which says what to do."""
    endpoint = make_endpoint(**changes)

    with pytest.raises(EndpointError, match=text):
        check_endpoint(endpoint)


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "t"},
        {"version": 1},
        {"format": "raw"},
        {"format": "cloudevents", "source": "https://example.com/orders?a=%20#b"},
        {"format": "cloudevents-binary", "source": "/"},
        {"rate": 1 / 86_400},
        {"rate": 10_000},
        {"ordered": True},
        {"ordered": True, "concurrency": 1},
        {"headers": {"Authorization": "Bearer x"}},
        {"scheme": "none", "secret": ""},
        {"scheme": "none", "secret": ()},
        {"scheme": "twilio", "secret": "s" * 32},
        {"filter": {"a": {"$in": [1]}}},
        {"paused": True, "enabled": False},
    ],
)
def test_endpoint_of_every_kind_is_taken(changes: dict[str, Any]) -> None:
    """At the edges of what is allowed."""
    check_endpoint(make_endpoint(**changes))


def test_endpoint_that_is_ordered_sends_one_at_a_time() -> None:
    """Without being told so."""
    assert make_endpoint(ordered=True).concurrency == 1


def test_endpoint_with_one_secret_in_a_list_has_one_secret() -> None:
    """It is shown and compared in one way."""
    assert make_endpoint(secret=[SECRET]) == make_endpoint(secret=SECRET)


def test_endpoint_cannot_be_changed() -> None:
    """What was checked is what is stored: a filter is copied, however deep."""
    inner = [1]
    endpoint = make_endpoint(filter={"a": {"$in": inner}}, metadata={"a": "b"})

    inner.append(2)

    assert endpoint.filter == {"a": {"$in": [1]}}

    for mapping in (endpoint.filter, endpoint.metadata, endpoint.headers):
        with pytest.raises(TypeError):
            mapping["a"] = 1  # type: ignore[index]


@pytest.mark.parametrize("kind", [3, "text", ["a"]])
def test_filter_that_is_no_object_is_refused_when_it_is_made(kind: Any) -> None:
    """Whatever it is."""
    with pytest.raises(EndpointError, match="filter= takes an object"):
        make_endpoint(filter=kind)


def test_filter_that_holds_itself_is_refused() -> None:
    """With an error of ours."""
    itself: dict[str, Any] = {}
    itself["a"] = itself

    with pytest.raises(EndpointError, match="nested too deeply"):
        make_endpoint(filter=itself)


@pytest.mark.parametrize(
    "changes",
    [{"events": 3}, {"secret": None}, {"schedule": 5}, {"headers": 5}],
)
def test_endpoint_of_the_wrong_kind_is_refused_when_it_is_made(
    changes: dict[str, Any],
) -> None:
    """What cannot even be kept is said at once, in our own class."""
    with pytest.raises(EndpointError, match="take"):
        make_endpoint(**changes)


def test_endpoint_shows_no_secret() -> None:
    """Neither secrets nor values of headers are in its representation."""
    endpoint = make_endpoint(headers={"Authorization": "Bearer hidden"})

    assert SECRET not in repr(endpoint)
    assert "hidden" not in repr(endpoint)


@given(secret=st.text(min_size=1, max_size=30))
def test_errors_show_no_secret(secret: str) -> None:
    """A secret that is refused is not in the message."""
    marked = f"whsec_Zq7{secret}"
    endpoint = make_endpoint(secret=marked)

    with pytest.raises(EndpointError) as caught:
        check_endpoint(endpoint)

    assert marked not in str(caught.value)


names = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(".".join)
keys = st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=4).map(
    ".".join
)


@given(events=st.lists(keys, max_size=3), name=names)
def test_hears_what_one_of_its_keys_matches(events: list[str], name: str) -> None:
    """As the bus does it."""
    endpoint = make_endpoint(events=events)

    assert hears(endpoint, name) == any(matches(key, name) for key in events)


def test_endpoint_is_compared_by_value_and_can_be_hashed() -> None:
    """A record like any other."""
    one, two = make_endpoint(headers={"a": "b"}), make_endpoint(headers={"a": "b"})

    assert one == two
    assert hash(one) == hash(two)
