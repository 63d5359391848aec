"""What every store does with messages."""

from __future__ import annotations

__all__ = ("MessagesContract",)

from datetime import UTC, datetime
from typing import Any

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

from upcall.webhooks._proto.delivery import (
    Delivery,
    State,
)
from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks.outbox.contract import (
    Keep,
    Kept,
    Store,
)


class MessagesContract:
    """Messages are kept once, and fanned out."""

    def test_keep_makes_a_delivery_for_each_endpoint_that_hears(
        self, store: Store
    ) -> None:
        """By name and pattern; disabled ones get none."""
        add(
            store,
            make_endpoint("a", events=["order.*"]),
            make_endpoint("b", events=["order.paid"]),
            make_endpoint("c", events=["user.*"]),
            make_endpoint("d", enabled=False),
        )

        kept = keep(store, make_keep())

        assert kept == [Kept(deliveries=2, new=True)]
        assert {each.endpoint for each in deliveries(store)} == {"a", "b"}

    def test_keep_stores_nothing_that_nobody_hears(self, store: Store) -> None:
        """No endpoint, no message."""
        add(store, make_endpoint(events=["user.*"]))

        assert keep(store, make_keep()) == [Kept(deliveries=0, new=True)]
        add(store, make_endpoint("late"))
        assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]

    def test_keep_stores_the_same_message_once(self, store: Store) -> None:
        """The same id and bytes, at another time: that is a second try."""
        add(store, make_endpoint())
        keep(store, make_keep())

        kept = keep(store, make_keep(now=NOON + 60))

        assert kept == [Kept(deliveries=1, new=False)]
        assert len(deliveries(store)) == 1

    def test_keep_goes_by_the_payload_not_by_its_other_versions(
        self, store: Store
    ) -> None:
        """A downgrade may be mended between two tries."""
        add(store, make_endpoint(version=1))
        keep(store, rendered({1: b"{}"}, version=2))

        kept = keep(store, rendered({1: b"mended"}, version=2))

        assert kept == [Kept(deliveries=1, new=False)]
        assert claim_one(store, enlist(store)).message.data == b"{}"

    @pytest.mark.parametrize(
        "change", [{"data": b"{}"}, {"name": "order.lost"}, {"tenant": "other"}]
    )
    def test_keep_refuses_an_id_with_other_content(
        self, store: Store, change: dict[str, Any]
    ) -> None:
        """The one that was first stays as it was."""
        add(store, make_endpoint())
        keep(store, make_keep())

        (result,) = keep(store, make_keep(**change))

        assert isinstance(result, ConflictError)
        assert [each.event for each in deliveries(store)] == ["order.paid"]

    def test_keep_sees_copies_and_conflicts_within_one_call(self, store: Store) -> None:
        """Those who emit at the same time share a commit; none harms another."""
        add(store, make_endpoint())

        results = keep(
            store,
            make_keep("a"),
            make_keep("a"),
            make_keep("a", data=b"other"),
            make_keep("b"),
        )

        kinds = [
            "conflict" if isinstance(each, ConflictError) else each.new
            for each in results
        ]
        assert kinds == [True, False, "conflict", True]
        assert {each.message for each in deliveries(store)} == {"a", "b"}

    def test_keep_is_undone_with_its_transaction(self, store: Store) -> None:
        """All of it, or nothing."""
        add(store, make_endpoint())

        with pytest.raises(ZeroDivisionError), store.transaction():
            store.keep([make_keep()])
            raise ZeroDivisionError

        assert deliveries(store) == []
        assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]

    def test_delivery_is_due_after_the_first_delay(self, store: Store) -> None:
        """Counted from the moment it was accepted."""
        add(store, make_endpoint(schedule=(7, 8)))

        keep(store, make_keep(now=NOON + 1))

        (found,) = deliveries(store)
        assert found == Delivery(
            id=found.id,
            message="m1",
            event="order.paid",
            endpoint="one",
            state=State.WAITING,
            attempts=0,
            created=datetime.fromtimestamp(NOON + 1, UTC),
            due=datetime.fromtimestamp(NOON + 8, UTC),
        )

    # --- tenants ---

    def test_tenant_hears_its_own_and_the_operator_all(self, store: Store) -> None:
        """And nothing that has no tenant, or another one's."""
        add(
            store,
            make_endpoint("a", tenant="ann"),
            make_endpoint("b", tenant="bob"),
            make_endpoint("all"),
        )

        kept = keep(
            store,
            make_keep("m1", tenant="ann"),
            make_keep("m2", tenant="carl"),
            make_keep("m3"),
        )

        assert [each.deliveries for each in kept if isinstance(each, Kept)] == [2, 1, 1]
        assert who(store, "m1") == {"a", "all"}
        assert who(store, "m2") == who(store, "m3") == {"all"}
        assert deliveries(store, tenant="carl")[0].tenant == "carl"
        claims = claim(store, enlist(store)).claims
        assert {(each.endpoint.id, each.message.tenant) for each in claims} == {
            ("a", "ann"),
            ("all", "ann"),
        }

    # --- filters ---

    def test_filter_decides_by_the_payload(self, store: Store) -> None:
        """A message that all filters turn down is not stored."""
        add(
            store,
            make_endpoint("few", filter={"n": {"$lt": 5}}),
            make_endpoint("many", filter={"n": {"$gte": 5}}),
        )

        keep(store, make_keep("m1"), make_keep("m2", data=b'{"n":7}'))
        none = keep(store, make_keep("m3", data=b'{"n":"7"}'))

        assert (who(store, "m1"), who(store, "m2")) == ({"few"}, {"many"})
        assert none == [Kept(deliveries=0, new=True)]
        add(store, make_endpoint("late"))
        assert keep(store, make_keep("m3")) == [Kept(deliveries=2, new=True)]

    def test_filter_that_is_changed_counts_from_the_next_message(
        self, store: Store
    ) -> None:
        """What has its deliveries keeps them."""
        add(store, make_endpoint(filter={"n": 1}))
        keep(store, make_keep("m1"))

        do(store, store.update, make_endpoint(filter={"n": 2}), now=NOON)

        assert keep(store, make_keep("m2")) == [Kept(deliveries=0, new=True)]
        assert who(store, "m1") == {"one"}

    def test_filter_that_cannot_be_applied_buries(self, store: Store) -> None:
        """The message is on record, and hurts neither others nor other endpoints."""
        add(store, make_endpoint("a", filter={"n": 1}), make_endpoint("b"))

        kept = keep(store, make_keep("m1", data=b"no JSON"), make_keep("m2"))

        assert kept == [Kept(deliveries=2, new=True)] * 2
        (dead,) = deliveries(store, state=State.DEAD)
        assert (dead.message, dead.endpoint) == ("m1", "a")
        assert "filter" in (dead.reason or "")

    # --- versions and formats ---

    def test_endpoint_gets_the_highest_version_not_above_its_pin(
        self, store: Store
    ) -> None:
        """Its own bytes, then and whenever it is attempted."""
        for pin in (None, 1, 2, 3, 4, 9):
            add(store, make_endpoint(f"pin{pin}", version=pin))

        keep(store, rendered({1: b"one", 3: b"three"}, version=4, data=b"four"))

        found = {
            each.endpoint.id: (each.message.version, each.message.data)
            for each in claim(store, enlist(store)).claims
        }
        assert found == {
            "pinNone": (4, b"four"),
            "pin1": (1, b"one"),
            "pin2": (1, b"one"),
            "pin3": (3, b"three"),
            "pin4": (4, b"four"),
            "pin9": (4, b"four"),
        }
        assert {each.endpoint: each.version for each in deliveries(store)} == {
            name: version for name, (version, _) in found.items()
        }

    def test_endpoint_without_a_version_it_takes_is_told_on_record(
        self, store: Store
    ) -> None:
        """The delivery is dead at once, and never claimed."""
        add(store, make_endpoint("old", version=1), make_endpoint("new"))

        kept = keep(store, rendered({2: b"two"}, version=3))

        assert kept == [Kept(deliveries=2, new=True)]
        (dead,) = deliveries(store, state=State.DEAD)
        assert (dead.endpoint, dead.attempts) == ("old", 0)
        assert "version 3" in (dead.reason or "")
        assert dead.finished == datetime.fromtimestamp(NOON, UTC)
        assert claim_one(store, enlist(store)).endpoint.id == "new"

    def test_filter_judges_the_version_that_is_pinned(self, store: Store) -> None:
        """Not the one that was emitted."""
        add(
            store,
            make_endpoint("old", version=1, filter={"old": True}),
            make_endpoint("new", filter={"old": True}),
        )

        keep(store, rendered({1: b'{"old":true}'}, version=2, data=b'{"old":false}'))

        assert who(store, "m1") == {"old"}

    def test_version_and_format_are_pinned_with_the_delivery(
        self, store: Store
    ) -> None:
        """What the endpoint asks for afterwards is for later messages."""
        add(store, make_endpoint(version=1, format="raw"))
        keep(store, rendered({1: b"one"}, version=2, data=b"two"))

        do(store, store.update, make_endpoint(), now=NOON)

        found = claim_one(store, enlist(store))
        assert (found.message.data, found.format) == (b"one", "raw")
        assert found.endpoint.format == "standard"


def rendered(renderings: dict[int, bytes], **changes: Any) -> Keep:
    """Make a message with other versions of its payload."""
    return attrs.evolve(make_keep(**changes), renderings=renderings)


def who(store: Store, message: str) -> set[str]:
    """Return the endpoints that get a message."""
    return {each.endpoint for each in deliveries(store) if each.message == message}
