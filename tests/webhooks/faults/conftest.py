"""What several tests of faults need."""

from __future__ import annotations

__all__ = ("short_leases",)

import pytest

from upcall.webhooks.outbox import claims


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lease end soon after its request: outcomes that were lost are made up."""
    monkeypatch.setattr(claims, "LEASE_MARGIN", 0.5)
