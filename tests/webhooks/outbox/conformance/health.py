"""What every store finds out about endpoints, and tells once."""

from __future__ import annotations

__all__ = ("HealthContract",)

from datetime import UTC, datetime

import attrs
import pytest
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import (
    NOON,
    add,
    claim,
    claim_one,
    do,
    enlist,
    keep,
    make_keep,
    make_outcome,
    settle,
)

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.health import Health
from upcall.webhooks._proto.news import News
from upcall.webhooks.outbox.contract import Kept, Settled, Store

DAY = 86_400.0
MANY = tuple(0.0 for _ in range(20))


def moment(seconds: float) -> datetime:
    """Return the moment of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC)


def health(store: Store, name: str = "one") -> Health:
    """Return how an endpoint stands."""
    found = {each.id: each.health for each in do(store, store.endpoints, now=NOON)}
    return found[name]


def attempt(store: Store, worker: int, move: Move, *, now: float) -> Settled:
    """Let the one that is due end so; another one is due at once, if it is retried."""
    decision = {"due": now} if move is Move.RETRY else {}
    outcome = make_outcome(claim_one(store, worker, now=now), move, now=now, **decision)
    (settled,) = settle(store, outcome)
    return settled


def names(settled: Settled) -> list[str]:
    """Return what was told."""
    return [each.name for each in settled.news]


class HealthContract:
    """An endpoint fails from its first failure to its next success."""

    def test_failing_since_is_the_first_failure_after_a_success(
        self, store: Store
    ) -> None:
        """It is shown with the endpoint, and forgotten at a success."""
        add(store, make_endpoint(schedule=MANY))
        worker = enlist(store)
        keep(store, make_keep("m1"), make_keep("m2"))
        assert health(store) == Health()

        for number in range(3):
            attempt(store, worker, Move.RETRY, now=NOON + 100 * (number + 1))

        assert health(store) == Health(failing_since=moment(NOON + 100))
        attempt(store, worker, Move.DELIVER, now=NOON + 1000)
        assert health(store) == Health()
        attempt(store, worker, Move.BURY, now=NOON + 2000)
        assert health(store) == Health(failing_since=moment(NOON + 2000))

    def test_fourth_failure_of_a_delivery_is_told(self, store: Store) -> None:
        """With all that somebody needs to look at it; then the success that ends it."""
        endpoint = make_endpoint(schedule=MANY, tenant="ann")
        add(store, endpoint)
        worker = enlist(store)
        keep(store, make_keep(tenant="ann"))

        told = [
            attempt(store, worker, Move.RETRY, now=NOON + 100 * n).news
            for n in range(6)
        ]
        (recovered,) = attempt(store, worker, Move.DELIVER, now=NOON + 900).news

        assert [len(news) for news in told] == [0, 0, 0, 1, 0, 0]
        assert told[3][0] == News(
            name="webhook.failing",
            endpoint="one",
            tenant="ann",
            reason="status 503",
            delivery=told[3][0].delivery,
            message="m1",
            event="order.paid",
            attempts=4,
        )
        assert (recovered.name, recovered.attempts) == ("webhook.recovered", 7)
        assert not health(store).alarmed

    def test_failing_is_told_once_for_all_deliveries(self, store: Store) -> None:
        """A thousand that fail together are one piece of news."""
        add(store, make_endpoint(schedule=MANY, concurrency=1))
        worker = enlist(store)
        keep(store, make_keep("m1"), make_keep("m2"))

        told = [
            name
            for n in range(12)
            for name in names(attempt(store, worker, Move.RETRY, now=NOON + 100 * n))
        ]

        assert told == ["webhook.failing"]

    def test_success_without_alarm_tells_nothing(self, store: Store) -> None:
        """A failure or three are nobody's business."""
        add(store, make_endpoint(schedule=MANY))
        worker = enlist(store)
        keep(store, make_keep())

        told = [
            names(attempt(store, worker, move, now=NOON + 100 * n))
            for n, move in enumerate([Move.RETRY] * 3 + [Move.DELIVER])
        ]

        assert told == [[], [], [], []]

    def test_dead_delivery_is_told(self, store: Store) -> None:
        """Each of them."""
        add(store, make_endpoint())
        worker = enlist(store)
        keep(store, make_keep("m1"), make_keep("m2"))

        told = [attempt(store, worker, Move.BURY, now=NOON + 100 * n) for n in range(2)]

        assert [names(each) for each in told] == [["webhook.exhausted"]] * 2
        assert [each.news[0].message for each in told] == ["m1", "m2"]

    def test_fourth_and_last_failure_is_both(self, store: Store) -> None:
        """The endpoint fails, and the delivery is dead."""
        add(store, make_endpoint(schedule=(0, 0, 0, 0)))
        worker = enlist(store)
        keep(store, make_keep())

        for n in range(3):
            attempt(store, worker, Move.RETRY, now=NOON + 100 * n)

        last = attempt(store, worker, Move.BURY, now=NOON + 300)
        assert names(last) == ["webhook.failing", "webhook.exhausted"]

    def test_gone_is_told_once(self, store: Store) -> None:
        """Several may be in flight; why and since when is shown."""
        add(store, make_endpoint(concurrency=2))
        worker = enlist(store)
        keep(store, make_keep("m0"))
        attempt(store, worker, Move.DELIVER, now=NOON)
        keep(store, make_keep("m1"), make_keep("m2"), make_keep("m3"))
        found = claim(store, worker).claims

        settled = settle(
            store,
            *(make_outcome(each, Move.BURY, gone=True, reason="410") for each in found),
        )

        assert [names(each) for each in settled] == [
            ["webhook.exhausted", "webhook.disabled"],
            ["webhook.exhausted"],
        ]
        assert settled[0].news[1].reason == "410"
        seen = health(store)
        assert (seen.disabled_at, seen.disabled_why) == (moment(NOON), "410")
        assert keep(store, make_keep("m4")) == [Kept(deliveries=0, new=True)]

    def test_five_days_of_nothing_but_failures_disable(self, store: Store) -> None:
        """A success in between starts the count anew."""
        add(store, make_endpoint(schedule=MANY))
        worker = enlist(store)
        keep(store, make_keep("m1"), make_keep("m2"))
        attempt(store, worker, Move.RETRY, now=NOON)
        attempt(store, worker, Move.DELIVER, now=NOON + DAY)
        attempt(store, worker, Move.RETRY, now=NOON + 2 * DAY)
        attempt(store, worker, Move.RETRY, now=NOON + 7 * DAY - 1)
        assert health(store).disabled_at is None

        last = attempt(store, worker, Move.RETRY, now=NOON + 7 * DAY)

        assert (last.state, names(last)[-1]) == (State.WAITING, "webhook.disabled")
        seen = health(store)
        assert seen.disabled_at == moment(NOON + 7 * DAY)
        assert (seen.disabled_why or "").startswith("nothing but failures since 2023-")
        assert not do(store, store.endpoints, now=NOON)[0].enabled
        assert claim(store, worker, now=NOON + 8 * DAY).claims == ()

    def test_enabling_forgets_what_was_held_against_it(self, store: Store) -> None:
        """The pause, the failures, and the five days."""
        add(store, make_endpoint(schedule=MANY))
        worker = enlist(store)
        keep(store, make_keep())

        for n in range(5):
            attempt(store, worker, Move.RETRY, now=NOON + DAY * n)

        outcome = make_outcome(
            claim_one(store, worker, now=NOON + 5 * DAY),
            Move.RETRY,
            now=NOON + 5 * DAY,
            due=NOON,
            hint=9000.0,
        )
        settle(store, outcome)
        assert health(store).disabled_at is not None

        do(store, store.enable, "one", enabled=True, now=NOON + 5 * DAY)

        assert health(store) == Health()
        later = attempt(store, worker, Move.RETRY, now=NOON + 5 * DAY + 1)
        assert names(later) == ["webhook.failing"]
        assert health(store).disabled_at is None

    def test_late_outcome_is_no_evidence(self, store: Store) -> None:
        """A worker that lost its lease has no say in this either."""
        add(store, make_endpoint(schedule=MANY))
        one, two = enlist(store), enlist(store)
        keep(store, make_keep())
        old = claim_one(store, one)
        do(store, store.dismiss, one, now=NOON)
        claim_one(store, two, now=NOON)

        (settled,) = settle(store, make_outcome(old, Move.BURY, gone=True))

        assert (settled.late, settled.news) == (True, ())
        assert health(store) == Health()

    def test_outcome_of_a_removed_endpoint_tells_nothing(self, store: Store) -> None:
        """Another one with its id is not blamed for it."""
        add(store, make_endpoint())
        worker = enlist(store)
        keep(store, make_keep())
        found = claim_one(store, worker)
        do(store, store.remove, "one", now=NOON)
        add(store, make_endpoint())

        (settled,) = settle(store, make_outcome(found, Move.BURY, gone=True))

        assert settled == Settled(state=State.CANCELLED, late=False)
        assert health(store) == Health()

    @pytest.mark.parametrize("verb", ["rescue", "dismiss"])
    def test_lapse_of_the_last_attempt_is_told(self, store: Store, verb: str) -> None:
        """The delivery is dead, but nothing is held against the endpoint."""
        add(store, make_endpoint("a", schedule=(0,), tenant="ann"), make_endpoint("b"))
        worker = enlist(store)
        keep(store, make_keep(tenant="ann"))
        found = {each.endpoint.id: each for each in claim(store, worker).claims}
        later = NOON + 1000

        given = (worker,) if verb == "dismiss" else ()
        lapsed = do(store, getattr(store, verb), *given, now=later)

        (news,) = lapsed.news
        assert lapsed.number == 2
        assert news == News(
            name="webhook.exhausted",
            endpoint="a",
            tenant="ann",
            reason=news.reason,
            delivery=found["a"].delivery,
            message="m1",
            event="order.paid",
            attempts=1,
        )
        assert news.reason is not None
        assert health(store, "a") == Health()
        assert do(store, store.rescue, now=later).news == ()

    def test_healthy_endpoint_is_as_it_was(self, store: Store) -> None:
        """A success on a full window changes nothing but the delivery."""
        add(store, make_endpoint(concurrency=1))
        worker = enlist(store)
        keep(store, make_keep("m1"), make_keep("m2"))
        attempt(store, worker, Move.DELIVER, now=NOON)
        before = do(store, store.endpoints, now=NOON)
        changes = do(store, store.changes)

        attempt(store, worker, Move.DELIVER, now=NOON + 1)

        assert do(store, store.endpoints, now=NOON) == before
        assert do(store, store.changes) == changes

    def test_outcomes_of_many_endpoints_in_one_commit_are_told_apart(
        self, store: Store
    ) -> None:
        """Each endpoint has a health of its own, whatever the order."""
        add(store, *(make_endpoint(name, schedule=MANY) for name in "abc"))
        worker = enlist(store)
        keep(store, make_keep())
        found = {each.endpoint.id: each for each in claim(store, worker).claims}
        moves = {"a": Move.RETRY, "b": Move.DELIVER, "c": Move.BURY}

        settled = settle(
            store,
            *(make_outcome(found[name], moves[name]) for name in ("c", "a", "b")),
        )

        assert [names(each) for each in settled] == [["webhook.exhausted"], [], []]
        failing = {name: health(store, name).failing_since for name in "abc"}
        assert failing == {"a": moment(NOON), "b": None, "c": moment(NOON)}

    def test_update_to_another_url_starts_anew(self, store: Store) -> None:
        """What the old place did is not held against the new one."""
        add(store, make_endpoint(schedule=MANY))
        worker = enlist(store)
        keep(store, make_keep())
        found = claim_one(store, worker)
        settle(store, make_outcome(found, Move.RETRY, due=NOON, hint=9000.0))
        (old,) = do(store, store.endpoints, now=NOON)

        do(store, store.update, attrs.evolve(old, description="x"), now=NOON)
        assert claim(store, worker, now=NOON + 1).claims == ()
        do(store, store.update, attrs.evolve(old, url="https://new.example"), now=NOON)

        assert health(store) == Health()
        assert len(claim(store, worker, now=NOON + 1).claims) == 1
