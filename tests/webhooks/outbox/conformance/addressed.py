"""What every store does with messages for one endpoint, or for all but one."""

from __future__ import annotations

__all__ = ("AddressedContract",)

import attrs
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import add, deliveries, keep, make_keep

from upcall.webhooks.outbox.contract import Kept, Store


class AddressedContract:
    """``only`` and ``about``."""

    def test_message_for_one_endpoint_goes_there_alone(self, store: Store) -> None:
        """Whatever its keys, its tenant and its filter say."""
        picky = {"events": ["x"], "tenant": "acme", "filter": {"n": 2}}
        add(store, make_endpoint("a"), make_endpoint("b", **picky))

        (kept,) = keep(store, attrs.evolve(make_keep(), only="b"))

        assert kept == Kept(deliveries=1, new=True)
        assert [each.endpoint for each in deliveries(store)] == ["b"]

    def test_message_for_one_that_is_disabled_is_not_stored(self, store: Store) -> None:
        """Nor for one that is not there."""
        add(store, make_endpoint("a", enabled=False))

        for only in ("a", "b"):
            (kept,) = keep(store, attrs.evolve(make_keep(), only=only))
            assert kept == Kept(deliveries=0, new=True)

    def test_message_about_an_endpoint_is_not_sent_there(self, store: Store) -> None:
        """The others that hear it get it."""
        add(store, *(make_endpoint(name) for name in ("a", "b", "c")))

        keep(store, attrs.evolve(make_keep(), about="b"))

        assert {each.endpoint for each in deliveries(store)} == {"a", "c"}
