"""What every store does with endpoints and records."""

from __future__ import annotations

__all__ = ("RecordsContract",)

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.webhooks.fakes import SECRET, make_endpoint
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
    make_outcome,
    settle,
    widen,
)

from upcall.errors import OptionError
from upcall.webhooks._proto.delivery import (
    IllegalMoveError,
    Move,
    State,
)
from upcall.webhooks._proto.errors import EndpointError, OutboxError
from upcall.webhooks.outbox.contract import (
    Counts,
    Kept,
    Store,
)


def finish(store: Store, worker: int, id: str) -> None:
    """Deliver the one that is next, which has to be seen under this id."""
    found = claim_one(store, worker)
    assert found.message.id == id
    settle(store, make_outcome(found, Move.DELIVER))


class RecordsContract:
    """Endpoints come and go; records stay."""

    def test_endpoints_come_back_as_they_were_added(self, store: Store) -> None:
        """In their order, with secrets and all."""
        given = [
            make_endpoint("b", secret=[SECRET, SECRET], schedule=(0, 1.5)),
            make_endpoint("a", headers={"x": "y"}, schedule=(0,), enabled=False),
        ]
        add(store, *given)

        assert do(store, store.endpoints, now=NOON) == given

    def test_add_twice_is_once(self, store: Store) -> None:
        """A program registers its endpoints at each start."""
        endpoint = make_endpoint(schedule=(0, 1))
        add(store, endpoint)
        changes = do(store, store.changes)

        add(store, endpoint)

        assert do(store, store.endpoints, now=NOON) == [endpoint]
        assert do(store, store.changes) == changes

    def test_add_refuses_an_id_in_use(self, store: Store) -> None:
        """Nothing is replaced by accident."""
        add(store, make_endpoint(schedule=(0, 1)))

        with pytest.raises(EndpointError, match="'one' is registered already"):
            add(store, make_endpoint(schedule=(0, 2)))

    def test_add_again_leaves_a_disabled_one_disabled(self, store: Store) -> None:
        """A receiver that wanted no more does not get more after a restart."""
        endpoint = make_endpoint(schedule=(0, 1))
        add(store, endpoint)
        do(store, store.enable, "one", enabled=False, now=NOON)

        stored = do(store, store.add, endpoint, now=NOON)

        assert not stored.enabled
        assert do(store, store.endpoints, now=NOON) == [stored]

    def test_update_replaces_all_fields(self, store: Store) -> None:
        """What waits is attempted with the new ones."""
        add(store, make_endpoint(headers={"a": "b"}))
        keep(store, make_keep())
        new = make_endpoint(url="https://new.example/", schedule=(0, 3), timeout=2.0)

        do(store, store.update, new, now=NOON)

        assert do(store, store.endpoints, now=NOON) == [new]
        assert claim_one(store, enlist(store)).endpoint == new

    def test_update_to_a_smaller_concurrency_holds_at_once(self, store: Store) -> None:
        """Whatever the window had grown to."""
        add(store, make_endpoint(concurrency=8))
        worker = enlist(store)
        widen(store, worker, times=4)
        keep(store, *(make_keep(f"m{n}") for n in range(9)))

        do(store, store.update, make_endpoint(concurrency=2), now=NOON)

        assert len(claim(store, worker).claims) == 2

    def test_every_change_of_an_endpoint_is_counted(self, store: Store) -> None:
        """So that every process notices."""
        counts = [do(store, store.changes)]

        add(store, make_endpoint())
        counts.append(do(store, store.changes))
        do(store, store.update, make_endpoint(timeout=1), now=NOON)
        counts.append(do(store, store.changes))
        do(store, store.enable, "one", enabled=False, now=NOON)
        counts.append(do(store, store.changes))
        do(store, store.remove, "one", now=NOON)
        counts.append(do(store, store.changes))

        assert counts == sorted(set(counts))

    def test_remove_cancels_what_waits(self, store: Store) -> None:
        """The endpoint is gone; what it had is on record."""
        add(store, make_endpoint())
        keep(store, make_keep("m1"), make_keep("m2"))

        do(store, store.remove, "one", now=NOON + 5)

        assert do(store, store.endpoints, now=NOON) == []
        rows = deliveries(store, endpoint="one", state=State.CANCELLED)
        assert [row.reason for row in rows] == ["the endpoint was removed"] * 2
        assert keep(store, make_keep("m3")) == [Kept(deliveries=0, new=True)]

    def test_remove_lets_what_is_in_flight_end(self, store: Store) -> None:
        """A 2xx is a delivery all the same; anything else is the end."""
        add(store, make_endpoint("a"), make_endpoint("b"), make_endpoint("c"))
        keep(store, make_keep())
        worker = enlist(store)
        one, two, _ = claim(store, worker).claims

        for name in "abc":
            do(store, store.remove, name, now=NOON)

        settled = settle(
            store, make_outcome(one, Move.DELIVER), make_outcome(two, Move.RETRY)
        )
        do(store, store.dismiss, worker, now=NOON)

        assert [each.state for each in settled] == [State.DELIVERED, State.CANCELLED]
        assert {row.endpoint: row.state for row in deliveries(store)} == {
            "a": State.DELIVERED,
            "b": State.CANCELLED,
            "c": State.CANCELLED,
        }

    def test_removed_id_can_be_used_again(self, store: Store) -> None:
        """By another endpoint, which gets nothing of the old one's."""
        add(store, make_endpoint())
        keep(store, make_keep("m1"))
        do(store, store.remove, "one", now=NOON)
        add(store, make_endpoint(schedule=(0, 2)))

        keep(store, make_keep("m2"))

        found = claim(store, enlist(store)).claims
        assert [each.message.id for each in found] == ["m2"]

    @pytest.mark.parametrize(
        ("verb", "given", "options"),
        [
            ("remove", (), {"now": NOON}),
            ("enable", (), {"enabled": True, "now": NOON}),
            ("pause", (), {"paused": True}),
            ("rotate", (SECRET,), {"now": NOON, "overlap": 0.0}),
            ("replay_since", (NOON,), {"now": NOON}),
        ],
    )
    def test_unknown_endpoint_is_told(
        self, store: Store, verb: str, given: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        """With its id."""
        with pytest.raises(EndpointError, match="no endpoint has the id 'x'"):
            do(store, getattr(store, verb), "x", *given, **options)

        with pytest.raises(EndpointError, match="no endpoint has the id 'x'"):
            do(store, store.update, make_endpoint("x"), now=NOON)

    def test_deliveries_are_listed_newest_first_and_in_pages(
        self, store: Store
    ) -> None:
        """By number, and by time."""
        add(store, make_endpoint())
        keep(store, *(make_keep(f"m{n}", now=NOON + n) for n in range(5)))

        first = deliveries(store, limit=2)
        second = deliveries(store, limit=2, before=first[-1].id)
        early = deliveries(store, before=datetime.fromtimestamp(NOON + 2, UTC))

        assert [each.message for each in first] == ["m4", "m3"]
        assert [each.message for each in second] == ["m2", "m1"]
        assert [each.message for each in early] == ["m1", "m0"]

    def test_deliveries_are_listed_by_endpoint_and_state(self, store: Store) -> None:
        """Both at once, too."""
        add(store, make_endpoint("a"), make_endpoint("b"))
        keep(store, make_keep())
        found = claim(store, enlist(store)).claims
        settle(store, make_outcome(found[0], Move.DELIVER))

        def listed(**options: Any) -> list[str]:
            return [each.endpoint for each in deliveries(store, **options)]

        assert listed(endpoint="a") == ["a"]
        assert listed(state=State.DELIVERED) == ["a"]
        assert listed(endpoint="b", state=State.DELIVERED) == []
        assert listed(endpoint="nobody") == []

    def test_attempts_are_listed_first_first(self, store: Store) -> None:
        """Of one delivery."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)

        for number in range(3):
            now = NOON + 100 * number
            found = claim_one(store, worker, now=now)
            settle(store, make_outcome(found, Move.RETRY, now=now))

        attempts = do(store, store.attempts, found.delivery)
        assert [each.number for each in attempts] == [1, 2, 3]

    def test_unknown_delivery_is_told(self, store: Store) -> None:
        """Rather than have no attempts."""
        with pytest.raises(OutboxError, match="there is no delivery 99"):
            do(store, store.attempts, 99)

        with pytest.raises(OutboxError, match="there is no delivery 99"):
            do(store, store.replay, 99, now=NOON)

    def test_replay_is_a_new_delivery_of_the_same_message(self, store: Store) -> None:
        """The old one stays; it may be done again and again."""
        add(store, make_endpoint())
        keep(store, make_keep())
        worker = enlist(store)
        old = claim_one(store, worker)
        settle(store, make_outcome(old, Move.BURY))

        new = [do(store, store.replay, old.delivery, now=NOON + 9) for _ in range(2)]

        assert [each.state for each in new] == [State.WAITING] * 2
        assert {each.message for each in new} == {"m1"}
        found = claim_one(store, worker, now=NOON + 9)
        assert (found.delivery, found.attempt) == (new[0].id, 1)
        assert deliveries(store, state=State.DEAD)[0].id == old.delivery

    def test_replay_is_seen_under_the_id_of_before_or_a_new_one(
        self, store: Store
    ) -> None:
        """A new one is for receivers that have it and have to do it again."""
        add(store, make_endpoint(concurrency=8))
        worker = enlist(store)
        widen(store, worker, times=3)
        keep(store, make_keep())
        old = claim_one(store, worker)
        settle(store, make_outcome(old, Move.DELIVER))

        one = do(store, store.replay, old.delivery, now=NOON, new_id="again")
        finish(store, worker, "again")
        two = do(store, store.replay, one.id, now=NOON)
        finish(store, worker, "again")
        three = do(store, store.replay, old.delivery, now=NOON)
        finish(store, worker, "m1")

        assert [each.message for each in (one, two, three)] == ["again", "again", "m1"]
        assert {each.event for each in (one, two, three)} == {"order.paid"}

    @pytest.mark.parametrize("new_id", ["", "a.b", "a b", "\n", "x" * 201])
    def test_replay_refuses_what_cannot_be_an_id(
        self, store: Store, new_id: str
    ) -> None:
        """It becomes a header."""
        add(store, make_endpoint())
        keep(store, make_keep())
        old = claim_one(store, enlist(store))
        settle(store, make_outcome(old, Move.DELIVER))

        with pytest.raises(OptionError, match="cannot be the id"):
            do(store, store.replay, old.delivery, now=NOON, new_id=new_id)

    def test_replay_keeps_version_and_format(self, store: Store) -> None:
        """They were pinned when the message was stored."""
        add(store, make_endpoint(format="raw"))
        keep(store, make_keep(version=4))
        worker = enlist(store)
        old = claim_one(store, worker)
        settle(store, make_outcome(old, Move.DELIVER))
        do(store, store.update, make_endpoint(format="standard"), now=NOON)

        do(store, store.replay, old.delivery, now=NOON)

        found = claim_one(store, worker)
        assert (found.format, found.message.version) == ("raw", 4)

    def test_replay_since_makes_up_for_what_was_missed(self, store: Store) -> None:
        """What is dead or cancelled, and ended since then; of this endpoint."""
        add(store, make_endpoint("a", concurrency=1), make_endpoint("b"))
        worker = enlist(store)

        for number, move in enumerate([Move.BURY, Move.BURY, Move.DELIVER, Move.BURY]):
            now = NOON + 1000 * number
            keep(store, make_keep(f"m{number}", now=now))
            both = claim(store, worker, now=now).claims
            settle(store, *(make_outcome(each, move, now=now) for each in both))

        made = do(store, store.replay_since, "a", NOON + 1000, now=NOON + 5000)

        waiting = deliveries(store, state=State.WAITING)
        assert made == 2
        assert [(each.endpoint, each.message) for each in waiting] == [
            ("a", "m3"),
            ("a", "m1"),
        ]
        assert {each.due.timestamp() for each in waiting} == {NOON + 5000}

    def test_replay_since_leaves_alone_what_was_replayed(self, store: Store) -> None:
        """Whether that waits, or was delivered; if that died, too, it counts once."""
        add(store, make_endpoint())
        worker = enlist(store)
        later = NOON

        for number in range(3):
            later += 1000
            keep(store, make_keep(f"m{number}", now=later))
            old = claim_one(store, worker, now=later)
            settle(store, make_outcome(old, Move.BURY, now=later))
            do(store, store.replay, old.delivery, now=later + 500)

            if number:
                move = Move.DELIVER if number == 1 else Move.BURY
                again = claim_one(store, worker, now=later + 500)
                settle(store, make_outcome(again, move, now=later + 500))
            else:
                (waiting,) = deliveries(store, state=State.WAITING)
                do(store, store.pause, "one", paused=True)
                do(store, store.pause, "one", paused=False)
                again = claim_one(store, worker, now=later + 500)
                settle(store, make_outcome(again, Move.RETRY, due=NOON + 9e6))

        made = do(store, store.replay_since, "one", NOON, now=later + 900)

        new = deliveries(store, state=State.WAITING)
        assert made == 1
        assert [each.message for each in new] == ["m2", "m0"]
        assert new[1].id == waiting.id
        assert do(store, store.replay_since, "one", NOON, now=later + 900) == 0

    def test_replay_since_of_nothing_is_nothing(self, store: Store) -> None:
        """What is waiting or delivered needs none."""
        add(store, make_endpoint())
        keep(store, make_keep("m1"), make_keep("m2"))
        settle(store, make_outcome(claim_one(store, enlist(store)), Move.DELIVER))

        assert do(store, store.replay_since, "one", 0.0, now=NOON) == 0

    def test_deliveries_are_listed_by_tenant(self, store: Store) -> None:
        """That of the message, whoever gets it; with the version that is sent."""
        add(store, make_endpoint("all"), make_endpoint("ann", tenant="ann"))
        keep(
            store,
            make_keep("m1", tenant="ann", version=2),
            make_keep("m2", tenant="bob"),
            make_keep("m3"),
        )

        found = deliveries(store, tenant="ann")

        assert sorted(each.endpoint for each in found) == ["all", "ann"]
        assert {(each.tenant, each.version) for each in found} == {("ann", 2)}
        assert [each.message for each in deliveries(store, tenant="bob")] == ["m2"]
        assert deliveries(store, tenant="carl") == []
        assert deliveries(store, tenant="ann", endpoint="ann", state=State.DEAD) == []

    def test_replay_needs_a_finished_delivery(self, store: Store) -> None:
        """What waits will be delivered anyway."""
        add(store, make_endpoint())
        keep(store, make_keep())
        (row,) = deliveries(store)

        with pytest.raises(IllegalMoveError, match="waiting delivery has no move"):
            do(store, store.replay, row.id, now=NOON)

    def test_replay_needs_the_endpoint(self, store: Store) -> None:
        """There is nowhere to send it."""
        add(store, make_endpoint())
        keep(store, make_keep())
        do(store, store.remove, "one", now=NOON)
        (row,) = deliveries(store)

        with pytest.raises(EndpointError, match="has been removed"):
            do(store, store.replay, row.id, now=NOON)

    def test_counts_are_by_state(self, store: Store) -> None:
        """And of endpoints."""
        add(store, make_endpoint("a"), make_endpoint("b"), make_endpoint("c"))
        keep(store, make_keep())
        worker = enlist(store)
        one, _ = claim(store, worker, free=2).claims
        settle(store, make_outcome(one, Move.DELIVER))

        assert do(store, store.counts) == Counts(
            endpoints=3, waiting=1, claimed=1, delivered=1, dead=0, cancelled=0
        )
