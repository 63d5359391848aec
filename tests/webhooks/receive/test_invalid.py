"""Payloads that do not fit their class: told on the bus, answered as asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.webhooks.receive.taking import Taking, source_of

import upcall
from upcall.webhooks.receiver import Invalid


@upcall.event("none.parcel.sent")
class ParcelSent:
    """An event with a class."""

    weight: int


def body_of(weight: Any, message: str = "1") -> bytes:
    """Write an event of the class; it fits if the weight is a number."""
    data = {"weight": weight}
    return json.dumps(
        {"type": "parcel.sent", "timestamp": "now", "data": data}
    ).encode()


@pytest.mark.parametrize(("invalid", "status"), [("refuse", 400), ("accept", 202)])
async def test_what_does_not_fit_is_told_on_the_bus(
    invalid: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By the path in the payload; and it is no event of its own name."""
    taking = Taking(source_of("none", invalid=invalid))

    answered = await taking.signed("none", body_of("heavy"))

    assert answered.status == status
    ((name, told),) = taking.heard
    assert name == "webhook.invalid"
    assert told == Invalid(
        source="none",
        event="none.parcel.sent",
        reason="the payload does not fit ParcelSent: Expected `int`, got `str` - at "
        "`$.weight`",
        sender_id="one",
        payload={"weight": "heavy"},
    )
    assert "$.weight" in caplog.text
    assert "heavy" not in caplog.text + repr(told) + answered.body.decode()


async def test_what_was_refused_may_come_again() -> None:
    """Its id is free: the sender may have mended it."""
    taking = Taking(source_of("none"))

    statuses = [
        (await taking.signed("none", body_of(weight))).status for weight in ("x", 1)
    ]

    assert statuses == [400, 202]
    assert taking.heard[1] == ("none.parcel.sent", ParcelSent(1))


async def test_what_was_accepted_is_told_once() -> None:
    """A copy of it is a copy."""
    taking = Taking(source_of("none", invalid="accept"))

    statuses = [(await taking.signed("none", body_of("x"))).status for _ in range(2)]

    assert statuses == [202, 202]
    assert len(taking.heard) == 1


@pytest.mark.parametrize("invalid", ["refuse", "accept"])
async def test_who_hears_of_it_may_fail(invalid: str) -> None:
    """Then it was not told, and may come again."""
    taking = Taking(source_of("none", invalid=invalid))

    def fail(told: Invalid) -> None:
        raise RuntimeError

    taking.bus.on("webhook.invalid", fail)

    assert (await taking.signed("none", body_of("x"))).status == 500


async def test_no_wildcard_hears_of_it() -> None:
    """Endpoints for all events do not get what strangers send."""
    taking = Taking(source_of("none"))
    heard: list[object] = []
    taking.bus.on("**", heard.append)

    await taking.signed("none", body_of("x"))

    assert heard == []


@pytest.mark.parametrize(("invalid", "events"), [("refuse", 0), ("accept", 2)])
async def test_one_of_a_batch_refuses_all_of_it(invalid: str, events: int) -> None:
    """Or none, if that is asked for; it is told either way."""
    taking = Taking(source_of("none", format="cloudevents", invalid=invalid))
    head = {"specversion": "1.0", "source": "/shop", "type": "parcel.sent"}
    batch = [
        {**head, "id": str(number), "data": {"weight": weight}}
        for number, weight in enumerate((1, "heavy", 3))
    ]

    answered = await taking.post(
        "/none",
        json.dumps(batch).encode(),
        {"Content-Type": "application/cloudevents-batch+json"},
    )

    assert answered.status == (202 if events else 400)
    names = [name for name, _ in taking.heard]
    assert names.count("none.parcel.sent") == events
    assert names.count("webhook.invalid") == 1
