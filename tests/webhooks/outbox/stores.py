"""Stores in whatever database a URL names."""

from __future__ import annotations

__all__ = ("make_store", "opening")

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from tests.webhooks.fakes import make_endpoint
from tests.webhooks.outbox.conformance.verbs import add

from upcall.webhooks.outbox.postgres import PostgresStore
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sql import SqlStore
from upcall.webhooks.outbox.sqlite import SqliteStore


def make_store(url: str) -> SqlStore:
    """Open a store."""
    parsed = make_url(url)
    store: SqlStore

    if parsed.get_backend_name() == "sqlite":
        store = SqliteStore(Path(parsed.database or ""), Seal())
    else:
        store = PostgresStore(parsed, Seal())

    store.open()
    return store


@contextmanager
def opening() -> Iterator[Callable[[str], SqlStore]]:
    """Give what opens a store with one endpoint, beside a table of the user's."""
    stores: list[SqlStore] = []

    def open_store(url: str) -> SqlStore:
        stores.append(make_store(url))
        add(stores[-1], make_endpoint())

        with stores[-1].transaction():
            stores[-1].connection.exec_driver_sql("CREATE TABLE mine (number INTEGER)")

        return stores[-1]

    try:
        yield open_store
    finally:
        for store in stores:
            store.close()
