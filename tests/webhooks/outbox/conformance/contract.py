"""The checks that every store has to pass, as one class to inherit from.

A test class inherits `StoreContract` and has a fixture ``store`` that gives an open
store; pytest does the rest. Nothing here knows what kind of store it is.
"""

from __future__ import annotations

__all__ = ("StoreContract",)

from tests.webhooks.outbox.conformance.addressed import AddressedContract
from tests.webhooks.outbox.conformance.claims import ClaimsContract
from tests.webhooks.outbox.conformance.endpoints import EndpointsContract
from tests.webhooks.outbox.conformance.health import HealthContract
from tests.webhooks.outbox.conformance.inbox import InboxContract
from tests.webhooks.outbox.conformance.inbox_outcomes import InboxOutcomesContract
from tests.webhooks.outbox.conformance.messages import MessagesContract
from tests.webhooks.outbox.conformance.model import ModelContract
from tests.webhooks.outbox.conformance.order import OrderContract
from tests.webhooks.outbox.conformance.outcomes import OutcomesContract
from tests.webhooks.outbox.conformance.pruning import PruningContract
from tests.webhooks.outbox.conformance.rate import RateContract
from tests.webhooks.outbox.conformance.records import RecordsContract
from tests.webhooks.outbox.conformance.workers import WorkersContract


class StoreContract(
    AddressedContract,
    ClaimsContract,
    EndpointsContract,
    HealthContract,
    InboxContract,
    InboxOutcomesContract,
    MessagesContract,
    ModelContract,
    OrderContract,
    OutcomesContract,
    PruningContract,
    RateContract,
    RecordsContract,
    WorkersContract,
):
    """What a store has to do; see `upcall.webhooks.outbox.contract`."""
