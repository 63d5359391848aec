"""What every store does with requests that come in: taken, and claimed."""

from __future__ import annotations

__all__ = (
    "SCHEDULE",
    "InboxContract",
    "claim_requests",
    "list_requests",
    "make_outcome_of",
    "make_take",
    "rescue_requests",
    "settle_requests",
    "take",
)

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.webhooks.outbox.conformance.verbs import NOON, do, enlist

from upcall.webhooks._proto.delivery import Move, State
from upcall.webhooks._proto.request import RequestAttempt, StoredRequest
from upcall.webhooks._proto.verdict import Decision
from upcall.webhooks.outbox.contract import Store
from upcall.webhooks.outbox.inbox_contract import (
    RequestClaim,
    RequestOutcome,
    RequestsLapsed,
    Take,
    Taken,
)

SCHEDULE = (0.0, 5.0, 60.0)


def make_take(uid: str = "r1", **changes: Any) -> Take:
    """Make an event that came in."""
    fields: dict[str, Any] = {
        "uid": uid,
        "source": "github",
        "scheme": "github",
        "event": "github.push",
        "sender_id": f"guid-{uid}",
        "headers": {"content-type": "application/json", "x-github-event": "push"},
        "body": b'{"n":1}',
        "received": NOON,
        "due": NOON,
        "keep_until": NOON + 1000,
    }
    return Take(**(fields | changes))


def take(store: Store, *takes: Take) -> list[Taken]:
    """Take requests of one event each, in one transaction."""
    taken = do(store, store.inbox.take, [[each] for each in takes])
    return [each for (each,) in taken]


def claim_requests(
    store: Store,
    worker: int,
    *,
    now: float = NOON,
    free: int = 100,
    sources: Sequence[str] = ("github",),
) -> tuple[RequestClaim, ...]:
    """Claim what can be claimed."""
    turn = do(store, store.inbox.claim, worker, sources=sources, now=now, free=free)
    return turn.claims


def make_outcome_of(
    claim: RequestClaim, move: Move = Move.DELIVER, *, now: float = NOON, **more: Any
) -> RequestOutcome:
    """Make the outcome of an emission."""
    if move is not Move.DELIVER:
        more.setdefault("reason", "ValueError: no")

    if move is Move.RETRY:
        more.setdefault("due", now + 5)

    return RequestOutcome(
        claim=claim,
        decision=Decision(move=move, **more),
        attempt=RequestAttempt(
            number=claim.attempt,
            worker=claim.worker,
            started=datetime.fromtimestamp(now - 0.25, UTC),
            duration=0.25,
            error=more.get("reason"),
        ),
        ended=now,
    )


def settle_requests(store: Store, *outcomes: RequestOutcome) -> Sequence[bool]:
    """Settle outcomes, in one transaction."""
    return do(store, store.inbox.settle, outcomes)


def list_requests(store: Store, **options: Any) -> Sequence[StoredRequest]:
    """List requests, all of them by default."""
    given: dict[str, Any] = {
        "source": None,
        "state": None,
        "before": None,
        "limit": 1000,
    }
    return do(store, store.inbox.requests, **(given | options))


def rescue_requests(store: Store, *, now: float) -> RequestsLapsed:
    """Take claims back."""
    return do(store, store.inbox.rescue, now=now, schedule=SCHEDULE)


class InboxContract:
    """A fixture ``store`` gives an open store."""

    # --- taking ---

    def test_taken_request_is_on_record_as_it_came(self, store: Store) -> None:
        """Headers, body, id, digest and times, byte by byte."""
        body = bytes(range(256))
        take(store, make_take(digest="d1", body=body))

        (found,) = list_requests(store)

        assert found == StoredRequest(
            id=found.id,
            envelope="r1",
            source="github",
            scheme="github",
            event="github.push",
            sender_id="guid-r1",
            digest="d1",
            headers=(("content-type", "application/json"), ("x-github-event", "push")),
            body=body,
            size=256,
            received=datetime.fromtimestamp(NOON, UTC),
            state=State.WAITING,
            attempts=0,
            due=datetime.fromtimestamp(NOON, UTC),
        )

    def test_record_shows_the_beginning_of_a_large_body(self, store: Store) -> None:
        """Who lists a hundred need not hold a hundred of them."""
        take(store, make_take(body=b"x" * 10_000))
        (found,) = list_requests(store)

        assert (len(found.body), found.size) == (4096, 10_000)
        assert claim_requests(store, enlist(store))[0].body == b"x" * 10_000

    def test_copy_is_known_in_whatever_state(self, store: Store) -> None:
        """In one transaction, later, claimed, delivered: one record."""
        assert take(store, *(make_take() for _ in range(3))) == [
            Taken.NEW,
            Taken.COPY,
            Taken.COPY,
        ]
        worker = enlist(store)
        (claim,) = claim_requests(store, worker)
        assert take(store, make_take(body=b"other")) == [Taken.COPY]
        settle_requests(store, make_outcome_of(claim))
        assert take(store, make_take()) == [Taken.COPY]
        assert len(list_requests(store)) == 1
        assert claim_requests(store, worker) == ()

    def test_events_of_one_request_are_taken_together(self, store: Store) -> None:
        """The answer has one entry for each, in their order."""
        first = [make_take("b"), make_take("a"), make_take("b")]

        taken = do(store, store.inbox.take, [first, [make_take("a")], []])

        assert taken == [
            (Taken.NEW, Taken.NEW, Taken.COPY),
            (Taken.COPY,),
            (),
        ]

    def test_nothing_is_taken_if_the_transaction_fails(self, store: Store) -> None:
        """An id and its request are on record together, or not at all."""
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.inbox.take([[make_take()]])
            raise ZeroDivisionError

        assert list_requests(store) == []
        assert take(store, make_take()) == [Taken.NEW]

    def test_equal_bytes_under_another_id_are_marked(self, store: Store) -> None:
        """They may be an honest event; the first stays who it was."""
        taken = take(
            store, *(make_take(uid, digest="same") for uid in ("r1", "r2", "r1", "r3"))
        )

        assert taken == [Taken.NEW, Taken.REPLAYED, Taken.COPY, Taken.REPLAYED]
        marks = {each.envelope: each.replayed for each in list_requests(store)}
        assert marks == {"r1": False, "r2": True, "r3": True}

    def test_equal_bytes_under_another_id_can_be_refused(self, store: Store) -> None:
        """Copies of the first stay welcome."""
        given = {"digest": "same", "refuses_replays": True}
        taken = take(store, *(make_take(uid, **given) for uid in ("r1", "r2", "r1")))

        assert taken == [Taken.NEW, Taken.REFUSED, Taken.COPY]
        assert [each.envelope for each in list_requests(store)] == ["r1"]

    def test_equal_bytes_of_another_source_are_no_replay(self, store: Store) -> None:
        """Ids belong to the name of a source, and so do bytes."""
        taken = take(
            store,
            make_take("r1", digest="same", refuses_replays=True),
            make_take("r2", digest="same", refuses_replays=True, source="other"),
        )

        assert taken == [Taken.NEW, Taken.NEW]

    def test_other_bytes_under_the_same_id_are_marked(self, store: Store) -> None:
        """The sender's id is not signed; what is signed makes it another event."""
        taken = take(
            store,
            make_take("a-0011", stem="a-00", digest="d1"),
            make_take("a-0011", stem="a-00", digest="d1"),
            make_take("a-00f2", stem="a-00", digest="d2"),
            make_take("a-00f2", stem="a-00", digest="d2"),
            make_take("a-0111", stem="a-01", digest="d3"),
            make_take("a-00f3", digest="d4"),
        )

        assert taken == [
            Taken.NEW,
            Taken.COPY,
            Taken.ALTERED,
            Taken.COPY,
            Taken.NEW,
            Taken.NEW,
        ]

    def test_text_of_strangers_is_kept_though_no_database_likes_it(
        self, store: Store
    ) -> None:
        """A NUL, and half a surrogate pair."""
        take(store, make_take(sender_id="a\0b\ud800"))
        (claim,) = claim_requests(store, enlist(store))
        settle_requests(store, make_outcome_of(claim, Move.BURY, reason="x\0y\udfff"))

        (found,) = list_requests(store)

        assert (found.sender_id, found.reason) == (r"a\0b\ud800", r"x\0y\udfff")
        (attempt,) = do(store, store.inbox.attempts, found.id)
        assert attempt.error == r"x\0y\udfff"

    # --- claiming ---

    def test_claim_has_all_that_an_emission_needs(self, store: Store) -> None:
        """And is made once."""
        take(store, make_take())
        worker = enlist(store)

        (claim,) = claim_requests(store, worker)

        (found,) = list_requests(store)
        assert claim == RequestClaim(
            request=found.id,
            fence=1,
            attempt=1,
            tries=1,
            worker=worker,
            uid="r1",
            source="github",
            scheme="github",
            event="github.push",
            headers={"content-type": "application/json", "x-github-event": "push"},
            body=b'{"n":1}',
        )
        assert (found.state, found.attempts) == (State.CLAIMED, 1)
        assert claim_requests(store, worker) == ()

    def test_longest_due_is_claimed_first(self, store: Store) -> None:
        """As many as there is room for; those that are due."""
        take(
            store,
            *(
                make_take(f"r{n}", due=NOON + due)
                for n, due in enumerate((2.0, 0.0, 1.0, 9.0))
            ),
        )
        worker = enlist(store)

        first = claim_requests(store, worker, now=NOON + 5, free=2)
        then = claim_requests(store, worker, now=NOON + 5, free=2)

        assert [each.uid for each in first] == ["r1", "r2"]
        assert [each.uid for each in then] == ["r0"]

    def test_turn_says_when_there_is_more(self, store: Store) -> None:
        """The next due time, if the room was not filled."""
        take(store, make_take(due=NOON + 7), make_take("r2", source="other"))
        worker = enlist(store)

        def turn(free: int) -> float | None:
            return do(
                store,
                store.inbox.claim,
                worker,
                sources=["github"],
                now=NOON,
                free=free,
            ).next_due

        assert turn(1) == NOON + 7
        take(store, make_take("r3"))
        assert turn(1) is None
        assert turn(1) == NOON + 7

    def test_only_what_can_be_read_is_claimed(self, store: Store) -> None:
        """Another process may have other sources."""
        take(store, make_take(), make_take("r2", source="stripe"))
        worker = enlist(store)

        assert [each.uid for each in claim_requests(store, worker)] == ["r1"]
        (other,) = claim_requests(store, worker, sources=["stripe", "slack"])
        assert other.uid == "r2"

    def test_stranger_claims_no_request(self, store: Store) -> None:
        """Nor one that was struck off."""
        take(store, make_take())
        worker = enlist(store)
        do(store, store.dismiss, worker, now=NOON)

        assert claim_requests(store, worker) == ()
        assert claim_requests(store, 999) == ()

    def test_claim_given_back_counts_as_no_attempt(self, store: Store) -> None:
        """It is due as before, and claimed under a new fence."""
        take(store, make_take())
        worker = enlist(store)
        do(store, store.inbox.give_back, claim_requests(store, worker))

        (claim,) = claim_requests(store, worker)

        assert (claim.attempt, claim.fence) == (1, 2)

    def test_give_back_of_a_lost_claim_changes_nothing(self, store: Store) -> None:
        """Somebody else has it."""
        take(store, make_take())
        worker = enlist(store)
        lost = claim_requests(store, worker)
        do(store, store.inbox.give_back, lost)
        claim_requests(store, worker)

        do(store, store.inbox.give_back, lost)

        assert list_requests(store)[0].state is State.CLAIMED
