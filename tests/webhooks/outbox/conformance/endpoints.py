"""What every store does with endpoints that are switched, and with their secrets."""

from __future__ import annotations

__all__ = ("EndpointsContract",)

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
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
)

from upcall.webhooks._proto.delivery import Move
from upcall.webhooks._proto.endpoint import Endpoint
from upcall.webhooks._proto.errors import EndpointError
from upcall.webhooks._proto.health import Health
from upcall.webhooks._proto.schemes import new_secret
from upcall.webhooks.outbox.contract import Kept, Store

DAY = 86_400.0
NEW, NEWER = new_secret(), new_secret()


def the_one(store: Store, *, now: float = NOON) -> Endpoint:
    """Return the only endpoint there is."""
    (found,) = do(store, store.endpoints, now=now)
    return found


def rotate(store: Store, secret: str, *, now: float, overlap: float) -> Endpoint:
    """Rotate the secret of the only endpoint."""
    return do(store, store.rotate, "one", secret, now=now, overlap=overlap)


def signing(store: Store, moments: Sequence[float]) -> list[object]:
    """Return what signs at these moments: as it is shown, and as it is claimed."""
    worker = do(store, store.enlist, now=moments[0])
    seen: list[object] = []

    for number, now in enumerate(moments):
        do(store, store.heartbeat, worker, now=now)
        keep(store, make_keep(f"s{worker}-{number}", now=now))
        found = claim_one(store, worker, now=now)
        settle(store, make_outcome(found, Move.DELIVER, now=now))
        assert found.endpoint.secret == the_one(store, now=now).secret
        seen.append(found.endpoint.secret)

    return seen


class EndpointsContract:
    """Endpoints are switched, and their secrets change, without losing anything."""

    def test_all_fields_come_back(self, store: Store) -> None:
        """To the last one; a filter cannot be changed afterwards."""
        endpoint = make_endpoint(
            tenant="ann",
            filter={"n": {"$in": [1, 2]}, "$or": [{"a": 1}, {"b": "é"}]},
            version=3,
            format="cloudevents",
            source="/orders",
            rate=0.5,
            ordered=True,
            paused=True,
            schedule=(0,),
        )
        add(store, endpoint)

        found = the_one(store)

        assert found == endpoint
        assert found.filter == {
            "n": {"$in": [1, 2]},
            "$or": [{"a": 1}, {"b": "é"}],
        }

    def test_add_names_what_differs(self, store: Store) -> None:
        """But never shows a secret."""
        add(store, make_endpoint())

        with pytest.raises(EndpointError) as caught:
            add(store, make_endpoint(url="https://x.example", rate=1, secret=NEW))

        assert "with another url, rate, secret: update it" in str(caught.value)

    def test_add_again_leaves_a_paused_one_paused(self, store: Store) -> None:
        """Somebody paused it for a reason that a restart does not know."""
        endpoint = make_endpoint(schedule=(0,))
        add(store, endpoint)
        do(store, store.pause, "one", paused=True)

        assert do(store, store.add, endpoint, now=NOON).paused

    def test_paused_endpoint_goes_on_collecting(self, store: Store) -> None:
        """What waits is left alone, until it goes on."""
        add(store, make_endpoint())
        worker = enlist(store)
        do(store, store.pause, "one", paused=True)
        assert the_one(store).paused

        assert keep(store, make_keep()) == [Kept(deliveries=1, new=True)]
        assert claim(store, worker).claims == ()
        assert claim(store, worker).next_due is None
        do(store, store.pause, "one", paused=False)

        assert len(claim(store, worker).claims) == 1
        assert not the_one(store).paused

    def test_disabled_endpoint_says_since_when_and_why(self, store: Store) -> None:
        """The first reason stays; a new one replaces it; enabling ends it."""
        add(store, make_endpoint())
        moment = datetime.fromtimestamp(NOON + 1, UTC)

        do(store, store.enable, "one", enabled=False, now=NOON + 1, why="too slow")
        do(store, store.enable, "one", enabled=False, now=NOON + 2)
        first = the_one(store)
        do(store, store.enable, "one", enabled=False, now=NOON + 3, why="asked to")
        second = the_one(store)
        do(store, store.enable, "one", enabled=True, now=NOON + 4)
        third = the_one(store)

        assert not first.enabled
        assert first.health.disabled_at == moment
        assert first.health.disabled_why == "too slow"
        assert second.health.disabled_why == "asked to"
        assert third.enabled
        assert third.health == Health()

    def test_endpoint_that_comes_disabled_says_since_when(self, store: Store) -> None:
        """Added so, or updated to be."""
        add(store, make_endpoint(enabled=False))
        added = the_one(store)
        do(store, store.update, attrs.evolve(added, enabled=True), now=NOON + 1)
        assert the_one(store).health.disabled_at is None
        do(store, store.update, attrs.evolve(added, enabled=False), now=NOON + 2)

        assert added.health.disabled_at == datetime.fromtimestamp(NOON, UTC)
        later = the_one(store).health.disabled_at
        assert later == datetime.fromtimestamp(NOON + 2, UTC)

    def test_every_switch_is_counted(self, store: Store) -> None:
        """So that every process notices."""
        add(store, make_endpoint())
        counts = [do(store, store.changes)]

        do(store, store.pause, "one", paused=True)
        counts.append(do(store, store.changes))
        rotate(store, NEW, now=NOON, overlap=60)
        counts.append(do(store, store.changes))

        assert counts == sorted(set(counts))

    # --- secrets ---

    @pytest.mark.parametrize("scheme", ["standard", "svix", "stripe"])
    def test_both_secrets_sign_while_they_overlap(
        self, store: Store, scheme: str
    ) -> None:
        """Where a request can carry two signatures; the newest is the first."""
        add(store, make_endpoint(scheme=scheme))

        rotated = rotate(store, NEW, now=NOON, overlap=DAY)

        assert rotated.secret == (NEW, SECRET)
        moments = [NOON, NOON + DAY - 0.001, NOON + DAY]
        assert signing(store, moments) == [(NEW, SECRET), (NEW, SECRET), NEW]

    @pytest.mark.parametrize("scheme", ["github", "slack", "shopify", "bearer"])
    def test_old_secret_signs_alone_until_the_overlap_ends(
        self, store: Store, scheme: str
    ) -> None:
        """Where a request carries one signature: by then the receiver knows both."""
        add(store, make_endpoint(scheme=scheme))

        rotated = rotate(store, NEW, now=NOON, overlap=DAY)

        assert rotated.secret == SECRET
        moments = [NOON, NOON + DAY - 0.001, NOON + DAY]
        assert signing(store, moments) == [SECRET, SECRET, NEW]

    @pytest.mark.parametrize("scheme", ["standard", "github"])
    def test_without_overlap_the_new_one_signs_alone_at_once(
        self, store: Store, scheme: str
    ) -> None:
        """As when the old one was stolen."""
        add(store, make_endpoint(scheme=scheme))
        rotate(store, NEW, now=NOON, overlap=DAY)

        assert rotate(store, NEWER, now=NOON + 1, overlap=0).secret == NEWER
        assert signing(store, [NOON + 1, NOON + DAY]) == [NEWER, NEWER]

    def test_rotation_within_a_rotation_keeps_the_ends_told(self, store: Store) -> None:
        """No secret signs longer than was said."""
        add(store, make_endpoint())
        rotate(store, NEW, now=NOON, overlap=100)

        rotated = rotate(store, NEWER, now=NOON + 50, overlap=100)

        assert rotated.secret == (NEWER, NEW, SECRET)
        assert signing(store, [NOON + 60, NOON + 100, NOON + 150]) == [
            (NEWER, NEW, SECRET),
            (NEWER, NEW),
            NEWER,
        ]

    def test_rotation_that_is_overtaken_never_signs(self, store: Store) -> None:
        """With one signature: the old one goes on, and then the newest."""
        add(store, make_endpoint(scheme="github"))
        rotate(store, NEW, now=NOON, overlap=100)

        rotated = rotate(store, NEWER, now=NOON + 50, overlap=100)

        assert rotated.secret == SECRET
        assert signing(store, [NOON + 60, NOON + 100]) == [SECRET, NEWER]

    @pytest.mark.parametrize("scheme", ["standard", "github"])
    def test_rotation_may_be_asked_for_again(self, store: Store, scheme: str) -> None:
        """Whoever did not hear the answer asks again, and nothing has become of it."""
        add(store, make_endpoint(scheme=scheme))
        first = rotate(store, NEW, now=NOON, overlap=100)

        assert rotate(store, NEW, now=NOON + 1, overlap=100) == first
        assert signing(store, [NOON + 99.9, NOON + 100]) == [first.secret, NEW]

    def test_update_of_something_else_goes_on_with_a_rotation(
        self, store: Store
    ) -> None:
        """Whether it gives both secrets, as they were read, or the newest one."""
        add(store, make_endpoint())
        read = rotate(store, NEW, now=NOON, overlap=100)

        do(store, store.update, attrs.evolve(read, timeout=1), now=NOON + 1)
        newest = make_endpoint(secret=NEW, timeout=2)
        do(store, store.update, newest, now=NOON + 2)

        assert signing(store, [NOON + 3, NOON + 100]) == [(NEW, SECRET), NEW]

    def test_update_with_another_secret_ends_a_rotation(self, store: Store) -> None:
        """What is given is what signs."""
        add(store, make_endpoint())
        rotate(store, NEW, now=NOON, overlap=100)

        do(store, store.update, make_endpoint(secret=NEWER), now=NOON + 1)

        assert signing(store, [NOON + 2, NOON + 100]) == [NEWER, NEWER]

    @pytest.mark.parametrize("scheme", ["standard", "github"])
    def test_add_again_during_a_rotation_is_no_conflict(
        self, store: Store, scheme: str
    ) -> None:
        """Programs are restarted one by one; with the old secret until it ends."""

        def again(secret: str | tuple[str, str], now: float) -> Endpoint:
            given = make_endpoint(schedule=(0,), scheme=scheme, secret=secret)
            return do(store, store.add, given, now=now)

        add(store, make_endpoint(schedule=(0,), scheme=scheme))
        read = rotate(store, NEW, now=NOON, overlap=100)

        for secret in (SECRET, NEW, (NEW, SECRET)):
            assert again(secret, NOON) == read

        with pytest.raises(EndpointError, match="with another secret"):
            again(NEWER, NOON)

        with pytest.raises(EndpointError, match="with another secret"):
            again(SECRET, NOON + 100)

    @pytest.mark.parametrize("scheme", ["standard", "github"])
    def test_update_back_to_the_old_secret_is_done(
        self, store: Store, scheme: str
    ) -> None:
        """Once the overlap is over, it is a secret like any other."""
        add(store, make_endpoint(scheme=scheme))
        rotate(store, NEW, now=NOON, overlap=100)

        old = make_endpoint(scheme=scheme)
        do(store, store.update, old, now=NOON + 200)

        assert signing(store, [NOON + 200]) == [SECRET]

    @pytest.mark.parametrize(
        ("scheme", "secret", "overlap", "text"),
        [
            ("standard", "whsec_short", 0.0, "secret 1 "),
            ("standard", "", 0.0, "secret= is empty"),
            ("discord", "not hex", 60.0, "endpoint 'one': "),
            ("standard", NEW, -1.0, "overlap=-1.0"),
            ("standard", NEW, float("inf"), "overlap=inf"),
            ("standard", NEW, float("nan"), "overlap=nan"),
        ],
    )
    def test_rotation_that_cannot_be_is_refused(
        self, store: Store, scheme: str, secret: str, overlap: float, text: str
    ) -> None:
        """Nothing has changed then."""
        own: dict[str, Any] = {} if scheme == "standard" else {"secret": "ab" * 32}
        add(store, make_endpoint(scheme=scheme, **own))
        before = the_one(store)

        with pytest.raises(EndpointError, match=text):
            rotate(store, secret, now=NOON, overlap=overlap)

        assert the_one(store) == before

    def test_check_of_a_sound_store_finds_nothing(self, store: Store) -> None:
        """Whatever has happened in it."""
        add(store, make_endpoint("a"), make_endpoint("b", enabled=False))
        worker = enlist(store)
        keep(store, *(make_keep(f"m{n}") for n in range(4)))

        for move in (Move.DELIVER, Move.BURY):
            found = claim_one(store, worker, now=NOON + 500)
            settle(store, make_outcome(found, move, now=NOON + 500))

        do(store, store.replay, deliveries(store)[-1].id, now=NOON)
        claim(store, worker, now=NOON + 1000)
        do(store, store.remove, "b", now=NOON)

        assert do(store, store.check, now=NOON + 1000) == []
