"""What every store does with messages."""

from __future__ import annotations

__all__ = ("MessagesContract",)

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    deliveries,
    keep,
    make_keep,
)

from upcall.webhooks._proto.delivery import (
    Delivery,
    State,
)
from upcall.webhooks._proto.errors import ConflictError
from upcall.webhooks.outbox.contract import (
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

    @pytest.mark.parametrize("change", [{"data": b"{}"}, {"name": "order.lost"}])
    def test_keep_refuses_an_id_with_other_bytes(
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
