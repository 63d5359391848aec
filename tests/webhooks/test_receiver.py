"""What a receiver makes of a request: an event, or a refusal."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any

import pytest
from tests.webhooks.asgi import Answered, Headers, request
from tests.webhooks.signed import GITHUB, NOW, STANDARD, github, sources, standard

import upcall
from upcall import Bus, Envelope
from upcall.errors import OptionError
from upcall.testing import ManualClock
from upcall.webhooks.receiver import Receiver, Source

SIGNATURE = "the signature is missing, wrong or stale\n"


@upcall.event("acme.invoice.paid")
class InvoicePaid:
    """An event of the sender `acme`."""

    invoice: int
    amount: Decimal


class Taken:
    """A receiver, and all that its bus heard."""

    def __init__(self, *more: Source) -> None:
        self.envelopes: list[Envelope[Any]] = []
        self.bus = Bus()
        self.bus.on("**", self.envelopes.append, envelope=True)
        self.clock = ManualClock(NOW)
        self.receiver = Receiver(self.bus, [*sources(), *more], clock=self.clock)

    async def post(self, path: str, body: bytes, headers: Headers) -> Answered:
        return await request(self.receiver, path, body, headers=headers)

    @property
    def heard(self) -> list[tuple[str, Any]]:
        return [(envelope.name, envelope.payload) for envelope in self.envelopes]


@pytest.fixture(name="taken")
def _taken() -> Taken:
    return Taken()


def records(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what was logged, each record as its fields."""
    return [vars(record) for record in caplog.records if record.name == "upcall"]


async def test_a_request_of_github_becomes_an_event(taken: Taken) -> None:
    """The header names the event, and the body is its payload."""
    body = b'{"action": "opened", "number": 7}'

    answered = await taken.post("/github", body, github(body, event="issues"))

    assert (answered.status, answered.body) == (202, b"")
    assert taken.heard == [("github.issues", {"action": "opened", "number": 7})]


async def test_a_standard_body_gives_type_and_data(taken: Taken) -> None:
    """In the standard format the type is the name, and the data is the payload."""
    body = b'{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":{"id":1}}'

    answered = await taken.post("/acme", body, standard(body))

    assert answered.status == 202
    assert taken.heard == [("acme.order.paid", {"id": 1})]


async def test_another_body_with_a_type_is_the_payload(taken: Taken) -> None:
    """Without the three members of the standard format, nothing is left out."""
    body = b'{"type":"order.paid","data":{"id":1}}'

    await taken.post("/acme", body, standard(body))

    assert taken.heard == [
        ("acme.order.paid", {"type": "order.paid", "data": {"id": 1}})
    ]


async def test_a_slash_in_the_type_is_a_dot(taken: Taken) -> None:
    """Some senders write `order/paid`; patterns know dots."""
    body = b'{"type":"order/paid"}'

    await taken.post("/acme", body, standard(body))

    assert [name for name, _ in taken.heard] == ["acme.order.paid"]


async def test_svix_has_headers_of_its_own() -> None:
    """The same signature, under the names that Svix gives."""
    taken = Taken(Source("/svix", scheme="svix", secret=STANDARD))
    body = b'{"type":"user.created"}'
    headers = {
        name.replace("webhook-", "svix-"): value
        for name, value in standard(body).items()
    }

    answered = await taken.post("/svix", body, headers)

    assert answered.status == 202
    assert [name for name, _ in taken.heard] == ["svix.user.created"]


async def test_a_registered_class_is_built(taken: Taken) -> None:
    """Who registered a class for the name gets instances of it."""
    data = {"invoice": 3, "amount": "9.99"}
    body = json.dumps(
        {"type": "invoice.paid", "timestamp": "now", "data": data}
    ).encode()
    got: list[InvoicePaid] = []
    taken.bus.on(InvoicePaid, got.append)

    answered = await taken.post("/acme", body, standard(body))

    assert answered.status == 202
    assert got == [InvoicePaid(invoice=3, amount=Decimal("9.99"))]


async def test_a_payload_that_is_not_its_class_is_refused(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says where it is wrong; the sender gets the text that all get."""
    data = {"invoice": "three", "amount": "9.99"}
    body = json.dumps(
        {"type": "invoice.paid", "timestamp": "now", "data": data}
    ).encode()

    answered = await taken.post("/acme", body, standard(body))

    assert answered.status == 400
    assert answered.body == b"the request is malformed\n"
    assert taken.heard == []
    assert "invoice" in records(caplog)[-1]["message"]
    assert "three" not in caplog.text


async def test_the_id_of_the_envelope_is_the_same_when_sent_again() -> None:
    """After a crash of ours, too: it is made from source and sender's id alone."""
    ids = []

    for _ in range(2):
        taken = Taken()
        await taken.post("/github", b"{}", github(b"{}", guid="a.b c\u00e9"))
        ids += [envelope.id for envelope in taken.envelopes]

    assert ids[0] == ids[1]
    assert ids[0].startswith("github-")
    assert set(ids[0]).isdisjoint(". ")


async def test_ids_differ_by_source_and_id(taken: Taken) -> None:
    """Two senders may choose the same id."""
    body = b'{"type":"a"}'
    await taken.post("/acme", body, standard(body, message="x"))
    await taken.post("/acme", body, standard(body, message="y"))
    await taken.post("/github", body, github(body, guid="x"))

    assert len({envelope.id for envelope in taken.envelopes}) == 3


async def test_ids_tell_names_apart_that_look_alike() -> None:
    """An id has no dots, so the dots of a name do not stand in it as they are."""
    taken = Taken(
        Source("/one", scheme="github", secret=GITHUB, name="a.b"),
        Source("/two", scheme="github", secret=GITHUB, name="a-b"),
    )

    await taken.post("/one", b"{}", github(b"{}"))
    await taken.post("/two", b"{}", github(b"{}"))

    one, two = (envelope.id for envelope in taken.envelopes)
    assert one != two
    assert one.startswith("a-b-")


async def test_the_id_of_a_class_is_made_in_the_same_way(taken: Taken) -> None:
    """Whether the payload is a class or not makes no difference to the id."""
    data = {"invoice": 3, "amount": "9.99"}
    body = json.dumps(
        {"type": "invoice.paid", "timestamp": "now", "data": data}
    ).encode()

    await taken.post("/acme", body, standard(body))

    assert taken.envelopes[0].id.startswith("acme-")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/other", "POST", 404), ("", "POST", 404)]
    + [
        ("/github", method, 405) for method in ("GET", "HEAD", "PUT", "OPTIONS", "post")
    ],
)
async def test_only_a_post_to_a_source_is_served(
    taken: Taken, path: str, method: str, status: int
) -> None:
    """404 comes before 405, and 405 names what is allowed."""
    answered = await request(
        taken.receiver, path, b"{}", method=method, headers=github(b"{}")
    )

    assert answered.status == status
    assert answered.headers.get("allow") == ("POST" if status == 405 else None)
    assert taken.heard == []


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Content-Type", "application/json; charset=utf-8", 202),
        ("Content-Type", "APPLICATION/VND.API+JSON", 202),
        ("Content-Type", "", 415),
        ("Content-Type", "text/plain", 415),
        ("Content-Type", "application/x-www-form-urlencoded", 400),
        ("Content-Type", "application/jsonp", 415),
        ("Content-Type", "application/json, application/json", 415),
        ("Content-Encoding", "identity", 202),
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "identity, br", 415),
        ("Content-Length", "2", 202),
        ("Content-Length", "3", 400),
        ("Content-Length", "1", 400),
        ("Content-Length", "-2", 400),
        ("Content-Length", "2, 2", 400),
        ("Content-Length", "\u00b2", 400),
        ("Content-Length", "9" * 5000, 400),
        ("Content-Length", str(1 << 40), 413),
        ("X-GitHub-Event", "", 400),
        ("X-GitHub-Event", "pu sh", 400),
        ("X-GitHub-Event", "*", 400),
        ("X-GitHub-Event", "a..b", 400),
        ("X-GitHub-Event", "a" * 5000, 400),
        ("X-GitHub-Delivery", "", 400),
        ("X-Hub-Signature-256", "", 401),
        ("X-Hub-Signature-256", "sha256=" + "0" * 64, 401),
        ("X-Hub-Signature-256", "sha256=\u00e9", 401),
    ],
)
async def test_headers_decide(taken: Taken, name: str, value: str, status: int) -> None:
    """One header is changed in a request that is right otherwise."""
    answered = await taken.post("/github", b"{}", {**github(b"{}"), name: value})

    assert answered.status == status
    assert len(taken.heard) == (status == 202)


@pytest.mark.parametrize("name", ["Content-Type", "X-Hub-Signature-256"])
async def test_a_missing_header_is_no_exception(taken: Taken, name: str) -> None:
    """What is not there is refused like what is wrong."""
    headers = github(b"{}")
    del headers[name]

    answered = await taken.post("/github", b"{}", headers)

    assert answered.status in (401, 415)


@pytest.mark.parametrize("name", ["X-Hub-Signature-256", "X-GitHub-Event"])
async def test_a_repeated_header_is_none(taken: Taken, name: str) -> None:
    """Nobody reads the first value where somebody else read the second."""
    headers = [*github(b"{}").items(), (name, github(b"{}")[name])]

    answered = await taken.post("/github", b"{}", headers)

    assert answered.status in (400, 401)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b'{"a":Infinity}',
        b'"\\ud800"',
        b"\xff",
        b'{"a":1}{"a":1}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
)
async def test_a_body_that_is_no_json_is_refused(taken: Taken, body: bytes) -> None:
    """Signed or not: 400, and nothing but a clean answer."""
    answered = await taken.post("/github", body, github(body))

    assert answered.status == 400
    assert taken.heard == []


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"{}", b'{"type":1}', b'{"type":""}', b'{"type":"a b"}']
)
async def test_a_standard_body_needs_a_type(taken: Taken, body: bytes) -> None:
    """Without one the event would have no name."""
    answered = await taken.post("/acme", body, standard(body))

    assert answered.status == 400


@pytest.mark.parametrize("seconds", [-301, 301])
async def test_a_stale_request_is_refused_like_a_forged_one(
    taken: Taken, seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The sender is told one text for both; the log tells them apart."""
    body = b'{"type":"a"}'

    stale = await taken.post("/acme", body, standard(body, now=NOW + seconds))
    forged = await taken.post("/acme", body, {**standard(body), "webhook-id": "other"})

    assert stale == forged
    assert (stale.status, stale.body) == (401, SIGNATURE.encode())
    told = [record["message"] for record in records(caplog)]
    assert len(set(told)) == 2


async def test_the_tolerance_can_be_set() -> None:
    """A source may take what is older."""
    taken = Taken(
        Source("/slow", scheme="standard", secret=STANDARD, tolerance=600, name="slow")
    )
    body = b'{"type":"a"}'

    answered = await taken.post("/slow", body, standard(body, now=NOW - 599))

    assert answered.status == 202


async def test_nothing_is_parsed_before_it_is_verified(taken: Taken) -> None:
    """A body that is no JSON is told to whoever signed it, and to nobody else."""
    forged = await taken.post("/github", b"{", github(b"{", secret="another"))
    signed = await taken.post("/github", b"{", github(b"{"))

    assert (forged.status, signed.status) == (401, 400)


async def test_one_of_several_secrets_is_enough() -> None:
    """While a secret is rotated out, both are good."""
    taken = Taken(Source("/two", scheme="github", secret=["new", GITHUB], name="two"))

    answered = await taken.post("/two", b"{}", github(b"{}"))

    assert answered.status == 202


async def test_a_failing_callback_is_500_and_on_record(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    """The sender learns that it may send again, and nothing of the traceback."""

    def fail(payload: object) -> None:
        raise RuntimeError("a private matter")

    taken.bus.on("github.*", fail)

    answered = await taken.post("/github", b"{}", github(b"{}"))

    assert answered.status == 500
    assert answered.body == b"the event could not be handled: send it again\n"
    assert "a private matter" in caplog.text
    assert records(caplog)[-1]["upcall_event"] == "github.push"


async def test_each_request_is_on_record_without_secrets(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids and names stand in the record's own fields."""
    caplog.set_level(logging.INFO, "upcall")

    await taken.post("/github", b"{}", github(b"{}"))
    await taken.post("/github", b"{}", github(b"{}", secret="another"))

    good, bad = records(caplog)
    assert good["upcall_id"] == taken.envelopes[0].id
    assert (good["upcall_sender_id"], good["upcall_status"]) == ("guid-1", 202)
    assert (bad["upcall_source"], bad["upcall_status"]) == ("github", 401)
    assert GITHUB not in caplog.text + repr(good) + repr(bad) + repr(taken.receiver)


def test_an_unknown_answer_is_refused_early() -> None:
    """What cannot be kept is not promised."""
    with pytest.raises(OptionError, match="answer='soon' is unknown: give 'stored'"):
        Receiver(Bus(), sources(), answer="soon")  # type: ignore[arg-type]


def test_a_lone_source_needs_no_list() -> None:
    """One sender is the usual case."""
    receiver = Receiver(Bus(), Source("/github", scheme="github", secret=GITHUB))

    assert repr(receiver) == "<Receiver at /github>"


@pytest.mark.parametrize(
    "given",
    [
        [],
        [*sources(), *sources()],
        None,
        3,
        "/github",
        ["/github"],
        [
            Source("/a", scheme="none"),
            Source("/b", scheme="bearer", secret="x" * 32),
            3,
        ],
        [
            Source("/a", scheme="none", name="a"),
            Source("/b", scheme="github", secret=GITHUB, name="a"),
        ],
        [
            Source("/a", scheme="none"),
            Source("/b", scheme="none", format="cloudevents"),
        ],
    ],
)
def test_sources_that_make_no_sense_are_refused(given: Any) -> None:
    """None, others than sources, two at one path, two kinds under one name."""
    with pytest.raises(OptionError, match="give"):
        Receiver(Bus(), given)


@pytest.mark.parametrize("bus", [None, 3, Bus])
def test_what_is_no_bus_is_refused(bus: Any) -> None:
    """Early, and not with the first request."""
    with pytest.raises(OptionError, match="give a Bus"):
        Receiver(bus, sources())
