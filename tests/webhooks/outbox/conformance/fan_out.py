"""What every store does with messages that were written without deliveries."""

from __future__ import annotations

__all__ = ("FanOutContract",)

from collections.abc import Callable

import attrs
import pytest
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    claim_one,
    deliveries,
    do,
    enlist,
    keep,
    make_keep,
)

from upcall.webhooks._proto.delivery import State
from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks.outbox.contract import Keep, Kept, Store, Turn


def fan_out(store: Store, *, now: float = NOON, limit: int = 100) -> int:
    """Fan messages out."""
    return do(store, store.fan_out, now=now, limit=limit)


class FanOutContract:
    """Messages that `enqueue` has written get their deliveries later.

    Needs a fixture ``write`` that writes one into the store, from outside.
    """

    def test_fan_out_makes_deliveries_as_keep_does(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """By key, tenant, filter and version; the first delay counts from then on."""
        add(
            store,
            make_endpoint("all", schedule=(7, 8)),
            make_endpoint("ann", tenant="ann", format="raw"),
            make_endpoint("bob", tenant="bob"),
            make_endpoint("user", events=["user.*"]),
            make_endpoint("old", version=1, filter={"n": 0}),
            make_endpoint("few", filter={"n": 0}),
            make_endpoint("off", enabled=False),
        )
        one = make_keep("m1", tenant="ann", version=2)
        write(attrs.evolve(one, renderings={1: b'{"n":0}'}))

        assert fan_out(store, now=NOON + 50) == 1

        found = {each.endpoint: each for each in deliveries(store)}
        assert set(found) == {"all", "ann", "old"}
        assert found["all"].due.timestamp() == NOON + 57
        claims = claim(store, enlist(store), now=NOON + 57).claims
        seen = {
            each.endpoint.id: (each.message.data, each.message.version, each.format)
            for each in claims
        }
        assert seen == {
            "all": (b'{"n":1}', 2, "standard"),
            "ann": (b'{"n":1}', 2, "raw"),
            "old": (b'{"n":0}', 1, "standard"),
        }
        assert {each.message.time for each in claims} == {one.message.time}

    def test_fan_out_makes_nothing_twice(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """However often it is called, by whomever."""
        add(store, make_endpoint())
        write(make_keep())

        assert [fan_out(store) for _ in range(3)] == [1, 0, 0]
        assert len(deliveries(store)) == 1

    def test_fan_out_begins_with_the_oldest_and_stops_at_its_limit(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """So that nobody waits for a long transaction."""
        add(store, make_endpoint())

        for number in range(5):
            write(make_keep(f"m{number}"))

        assert fan_out(store, limit=2) == 2
        assert {each.message for each in deliveries(store)} == {"m0", "m1"}
        assert [fan_out(store, limit=2) for _ in range(3)] == [2, 1, 0]
        assert len(deliveries(store)) == 5

    def test_fan_out_deletes_what_nobody_hears(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """With all its versions; the id is free again, as after `keep`."""
        add(store, make_endpoint(events=["user.*"]))
        write(attrs.evolve(make_keep(), renderings={1: b"{}"}))

        assert fan_out(store) == 1

        add(store, make_endpoint("late"))
        assert fan_out(store) == 0
        kept = keep(store, make_keep(data=b"other"))
        assert kept == [Kept(deliveries=1, new=True)]

    def test_fan_out_goes_by_the_endpoints_of_its_moment(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """Whatever they were when the message was written."""
        add(store, make_endpoint("a"))
        write(make_keep())
        do(store, store.remove, "a", now=NOON)
        add(store, make_endpoint("b"))

        fan_out(store)

        assert [each.endpoint for each in deliveries(store)] == ["b"]

    def test_message_is_not_claimed_before_it_is_fanned_out(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """Nor does one that waits for it disturb the others."""
        add(store, make_endpoint())
        write(make_keep("first"))
        keep(store, make_keep("second"))
        worker = enlist(store)

        assert claim_one(store, worker).message.id == "second"
        assert claim(store, worker) == Turn()

    def test_keep_finds_what_waits_to_be_fanned_out(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """The same id is stored once, by whichever way it came."""
        add(store, make_endpoint())
        write(make_keep())

        (same, other) = keep(store, make_keep(), make_keep(data=b"other"))

        assert same == Kept(deliveries=1, new=False)
        assert isinstance(other, ConflictError)
        assert deliveries(store) == []
        fan_out(store)
        assert len(deliveries(store)) == 1

    def test_fan_out_goes_on_past_what_cannot_be_judged(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """That one is dead at once, with the reason."""
        add(store, make_endpoint(filter={"n": 1}))
        write(make_keep("bad", data=b"no JSON"))
        write(make_keep("good"))

        assert fan_out(store) == 2

        states = {each.message: each.state for each in deliveries(store)}
        assert states == {"bad": State.DEAD, "good": State.WAITING}

    def test_fan_out_is_undone_with_its_transaction(
        self, store: Store, write: Callable[[Keep], None]
    ) -> None:
        """The mark goes with the deliveries."""
        add(store, make_endpoint())
        write(make_keep())

        with pytest.raises(ZeroDivisionError), store.transaction():
            store.fan_out(now=NOON, limit=9)
            raise ZeroDivisionError

        assert deliveries(store) == []
        assert fan_out(store) == 1
        assert len(deliveries(store)) == 1
