"""Checks of stores that are used by many at once, of each kind."""

from __future__ import annotations

__all__ = ()

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.webhooks.outbox.conformance.inbox_together import InboxTogetherContract
from tests.webhooks.outbox.conformance.together import TogetherContract

from upcall.webhooks.outbox.contract import Store
from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore


class TestSqlite(TogetherContract, InboxTogetherContract):
    """In one file."""

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Callable[[], Store]:
        """Give what opens a store."""

        def open_store() -> Store:
            store = SqliteStore(tmp_path / "outbox.db", Seal())
            store.open()
            return store

        return open_store


class TestPostgres(TogetherContract, InboxTogetherContract):
    """In one database."""

    @pytest.fixture
    def opener(self, postgres_url: str) -> Callable[[], Store]:
        """Give what opens a store."""

        def open_store() -> Store:
            store = PostgresStore(make_url(postgres_url), Seal())
            store.open()
            return store

        return open_store
