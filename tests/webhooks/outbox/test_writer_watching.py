"""Checks of the writer: what other processes do, and what they are told."""

from __future__ import annotations

__all__ = ()

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from upcall.webhooks.outbox import writer as module
from upcall.webhooks.outbox.contract import StorageError
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore
from upcall.webhooks.outbox.writer import Writer


class TalkingStore(SqliteStore):
    """A store that has something to tell after each `note`, and to hear when told."""

    def __init__(self) -> None:
        super().__init__(None, Seal())
        self.is_fresh = False
        self.announced = 0
        self.told = threading.Event()
        self.others = False
        self.trouble = False
        self.peeks = 0
        self.looked = threading.Event()

    def note(self) -> None:
        """Do something that others are to know of."""
        self.is_fresh = True

    @property
    def fresh(self) -> bool:
        return self.is_fresh

    def announce(self) -> None:
        self.is_fresh = False
        self.announced += 1
        self.told.set()

    def peek(self) -> bool:
        self.peeks += 1
        self.looked.set()

        if self.trouble:
            self.trouble = False
            raise StorageError("away")

        found, self.others = self.others, False
        return found


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[TalkingStore, Writer]]:
    """Give a store with its writer, and close them."""
    store = TalkingStore()
    writer = Writer(store)
    writer.start()

    try:
        yield store, writer
    finally:
        with anyio.CancelScope(shield=True):
            await writer.close()


async def happens(event: threading.Event) -> bool:
    """Wait for something in another thread."""
    return await anyio.to_thread.run_sync(event.wait, 20)


async def test_what_is_new_is_announced_once() -> None:
    """After the commit; what comes soon after it in one word, by itself."""
    async with opened() as (store, writer):
        await writer.perform(store.note)
        assert await happens(store.told)
        store.told.clear()

        for _ in range(5):
            await writer.perform(store.note)

        assert await happens(store.told)

    assert 2 <= store.announced < 6


async def test_announcements_keep_their_distance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is stored meanwhile."""
    monkeypatch.setattr(module, "ANNOUNCE", 60.0)

    async with opened() as (store, writer):
        for _ in range(20):
            await writer.perform(store.note)

    assert store.announced == 1


async def test_watchers_are_told_of_others() -> None:
    """Each time, until they watch no more; without them nobody looks."""
    async with opened() as (store, writer):
        assert store.peeks == 0
        told = threading.Event()
        writer.watch(told.set)
        store.others = True
        assert await happens(told)

        writer.unwatch(told.set)
        told.clear()
        store.others = True
        await writer.perform(store.changes)

    assert not told.is_set()


async def test_store_that_cannot_be_asked_is_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is lost by it: those who look for work do it anyway."""
    caplog.set_level(logging.DEBUG, logger="upcall")

    async with opened() as (store, writer):
        store.trouble = True
        told = threading.Event()
        writer.watch(told.set)
        assert await happens(store.looked)
        store.others = True

        assert await happens(told)
        assert await writer.perform(store.changes) == 0
        writer.unwatch(told.set)

    assert "away" in caplog.text
