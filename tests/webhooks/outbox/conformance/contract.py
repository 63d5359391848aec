"""The checks that every store has to pass, as one class to inherit from.

A test class inherits `StoreContract` and has a fixture ``store`` that gives an open
store; pytest does the rest. Nothing here knows what kind of store it is.
"""

from __future__ import annotations

__all__ = ("StoreContract",)

from tests.webhooks.outbox.conformance.claims import ClaimsContract
from tests.webhooks.outbox.conformance.messages import MessagesContract
from tests.webhooks.outbox.conformance.outcomes import OutcomesContract
from tests.webhooks.outbox.conformance.records import RecordsContract


class StoreContract(
    MessagesContract, ClaimsContract, OutcomesContract, RecordsContract
):
    """What a store has to do; see `upcall.webhooks.outbox.contract`."""
