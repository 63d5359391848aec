"""Checks of the writer: many operations per commit, and nobody left behind."""

from __future__ import annotations

__all__ = ()

import gc
import threading
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from upcall._loops.which import current_loop
from upcall.webhooks._proto.errors import ConflictError, EndpointError, OutboxError
from upcall.webhooks.outbox.contract import StorageError, TryAgainError
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore
from upcall.webhooks.outbox.writer import Writer


class ScriptedStore(SqliteStore):
    """A store in memory with a few more verbs, and a gate before each transaction."""

    def __init__(self) -> None:
        super().__init__(None, Seal())
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.calls: list[object] = []
        self.trouble: BaseException | None = None
        self.is_closed = False
        self.deadlocks = 0

    def open(self) -> None:
        if self.trouble is not None:
            raise self.trouble

        super().open()

    def close(self) -> None:
        self.is_closed = True
        super().close()

    def stall(self) -> None:
        """Wait in the middle of a transaction, until the gate is opened."""
        self.entered.set()
        self.gate.wait(20)

    def double(self, numbers: Sequence[int]) -> list[int | ConflictError]:
        """Do something in bulk; 13 is refused, 666 poisons, 0 breaks the store."""
        self.calls.append(list(numbers))

        if 666 in numbers:
            raise ValueError("poison")

        if 0 in numbers:
            raise StorageError("the disk is gone")

        if 40 in numbers and self.deadlocks:
            self.deadlocks -= 1
            raise TryAgainError("a deadlock")

        return [ConflictError("13") if n == 13 else 2 * n for n in numbers]

    def note(self, what: object) -> object:
        """Do something alone."""
        self.calls.append(what)
        return what

    def refuse(self) -> None:
        """Fail as a verb does."""
        raise EndpointError("no such endpoint")

    def crash(self) -> None:
        """End the thread."""
        raise SystemExit


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[ScriptedStore, Writer]]:
    """Give a store with its writer, and close them."""
    store = ScriptedStore()
    writer = Writer(store)
    writer.start()

    try:
        yield store, writer
    finally:
        store.gate.set()

        with anyio.CancelScope(shield=True):
            await writer.close()

    assert store.is_closed


@asynccontextmanager
async def held(store: ScriptedStore, writer: Writer) -> AsyncIterator[None]:
    """Keep the thread busy while the block runs, so that what comes gathers."""
    store.gate.clear()
    store.entered.clear()

    async with create_task_group() as group:
        group.start_soon(writer.perform, store.stall)
        await anyio.to_thread.run_sync(store.entered.wait, 20)
        yield
        store.gate.set()


async def settle_down(writer: Writer, number: int) -> None:
    """Return when so many operations wait."""
    while writer.queued < number:
        await checkpoint()


class Subject:
    """Something that an operation is about."""


def count(subjects: Sequence[Subject]) -> list[int]:
    """Do something in bulk, and keep nothing of it."""
    return [len(subjects)] * len(subjects)


async def test_what_was_told_is_forgotten_without_the_garbage_collector() -> None:
    """To find each operation in a circle would cost more than to do it."""
    subject = Subject()
    seen = weakref.ref(subject)
    told = anyio.Event()
    results: list[object] = []

    def done(result: int | Exception) -> None:
        results.append(result)
        told.set()

    gc.disable()

    try:
        async with opened() as (_, writer):
            writer.queue_in_bulk(count, subject, loop=current_loop(), done=done)
            del subject
            await told.wait()

        assert results == [1]
        assert seen() is None
    finally:
        gc.enable()


async def test_what_gathers_goes_into_one_commit() -> None:
    """A hundred who wait share one, and each gets its own result."""
    results: dict[int, int] = {}

    async with opened() as (store, writer):

        async def double(number: int) -> None:
            results[number] = await writer.perform_in_bulk(store.double, number)

        async with create_task_group() as group, held(store, writer):
            for number in range(100, 200):
                group.start_soon(double, number)

            await settle_down(writer, 100)

        assert writer.commits == 2

    assert results == {n: 2 * n for n in range(100, 200)}
    assert len(store.calls) == 1


async def test_bulk_and_single_keep_their_order() -> None:
    """What is done in bulk is done before a single one that came after it."""
    async with opened() as (store, writer):
        async with create_task_group() as group, held(store, writer):
            for number in range(3):
                group.start_soon(writer.perform_in_bulk, store.double, number + 1)
                await settle_down(writer, number + 1)

            group.start_soon(writer.perform, store.note, "x")
            await settle_down(writer, 4)
            group.start_soon(writer.perform_in_bulk, store.double, 9)
            await settle_down(writer, 5)

        assert store.calls == [[1, 2, 3], "x", [9]]
        assert writer.commits == 2


async def test_refused_subject_fails_alone() -> None:
    """A conflict is a result like any other: nothing is done twice for it."""
    async with opened() as (store, writer):
        with pytest.raises(ConflictError):
            await writer.perform_in_bulk(store.double, 13)

        assert await writer.perform_in_bulk(store.double, 1) == 2
        assert store.calls == [[13], [1]]


async def test_poisoned_subject_is_found_and_fails_alone() -> None:
    """The others of its batch are done again, one by one."""
    results: dict[int, object] = {}

    async with opened() as (store, writer):

        async def double(number: int) -> None:
            try:
                results[number] = await writer.perform_in_bulk(store.double, number)
            except OutboxError as error:
                results[number] = error

        async with create_task_group() as group, held(store, writer):
            for number in (1, 666, 2):
                group.start_soon(double, number)

            await settle_down(writer, 3)

    assert (results[1], results[2]) == (2, 4)
    assert "poison" in str(results[666])


async def test_failing_verb_is_undone_and_harms_nobody_else() -> None:
    """Its error is its own, in its own class."""
    async with opened() as (store, writer):

        async def refused() -> None:
            with pytest.raises(EndpointError, match="no such endpoint"):
                await writer.perform(store.refuse)

        async with create_task_group() as group, held(store, writer):
            group.start_soon(refused)
            await settle_down(writer, 1)
            group.start_soon(writer.perform, store.note, "after")
            await settle_down(writer, 2)

        assert store.calls == ["after"]


@pytest.mark.parametrize("deadlocks", [1, 5, 6])
async def test_what_was_undone_for_anothers_sake_is_done_again(deadlocks: int) -> None:
    """A few times; then it fails, as if the store itself did."""
    async with opened() as (store, writer):
        store.deadlocks = deadlocks

        if deadlocks < 6:
            assert await writer.perform_in_bulk(store.double, 40) == 80
        else:
            with pytest.raises(OutboxError, match="a deadlock"):
                await writer.perform_in_bulk(store.double, 40)

    assert store.calls == [[40]] * min(deadlocks + 1, 6)


async def test_failing_store_fails_the_whole_batch_at_once() -> None:
    """To try one by one would only take longer. Each gets an error of its own."""
    errors: list[OutboxError] = []

    async with opened() as (store, writer):

        async def double(number: int) -> None:
            with pytest.raises(OutboxError, match="the disk is gone") as caught:
                await writer.perform_in_bulk(store.double, number)

            errors.append(caught.value)

        async with create_task_group() as group, held(store, writer):
            for number in (1, 0, 2):
                group.start_soon(double, number)

            await settle_down(writer, 3)

        assert len(store.calls) == 1
        assert await writer.perform_in_bulk(store.double, 4) == 8

    assert len({id(error) for error in errors}) == 3
    assert {type(error.__cause__) for error in errors} == {StorageError}


@pytest.mark.parametrize("trouble", [OutboxError("no such file"), SystemExit(1)])
async def test_store_that_cannot_be_opened_fails_all_who_ask(
    trouble: BaseException,
) -> None:
    """Those who wait, and those who come later."""
    store = ScriptedStore()
    store.trouble = trouble
    writer = Writer(store)
    writer.start()

    for _ in range(2):
        with anyio.fail_after(20), pytest.raises(OutboxError):
            await writer.perform(store.changes)

    await writer.close()
    assert store.is_closed


async def test_end_of_the_thread_fails_all_who_wait() -> None:
    """An error that nobody foresaw must not leave anybody waiting for ever."""
    failed: list[str] = []

    async with opened() as (store, writer):

        async def wait(number: int) -> None:
            with pytest.raises(OutboxError):
                await writer.perform_in_bulk(store.double, number)

            failed.append(str(number))

        async def crash() -> None:
            with pytest.raises(OutboxError, match="SystemExit"):
                await writer.perform(store.crash)

            failed.append("crash")

        async with create_task_group() as group, held(store, writer):
            group.start_soon(wait, 1)
            await settle_down(writer, 1)
            group.start_soon(crash)
            await settle_down(writer, 2)
            group.start_soon(wait, 2)
            await settle_down(writer, 3)

        with pytest.raises(OutboxError, match="SystemExit"):
            await writer.perform(store.note, "later")

    assert sorted(failed) == ["1", "2", "crash"]


async def test_cancelled_waiter_is_withdrawn_before_it_was_taken() -> None:
    """Then nothing of it is done."""
    async with opened() as (store, writer):
        async with held(store, writer), create_task_group() as group:
            group.start_soon(writer.perform, store.note, "never")
            await settle_down(writer, 1)
            group.cancel_scope.cancel()

        await writer.perform(store.note, "then")
        assert store.calls == ["then"]


async def test_cancelled_waiter_is_done_when_it_had_been_taken() -> None:
    """That is the meaning of unknown: the thread goes on, and nobody is told."""
    async with opened() as (store, writer):
        store.gate.clear()
        store.entered.clear()

        async with create_task_group() as group:
            group.start_soon(writer.perform, store.stall)
            await anyio.to_thread.run_sync(store.entered.wait, 20)
            group.cancel_scope.cancel()

        store.gate.set()
        await writer.perform(store.note, "then")
        assert writer.commits == 2


async def test_queued_subject_is_told_in_its_loop() -> None:
    """With the result, or with the error."""
    told: list[object] = []

    async with opened() as (store, writer):
        loop = current_loop()

        def done(result: object) -> None:
            told.append((result if result == 2 else str(result), loop.is_here()))

        for number in (1, 13, 666):
            writer.queue_in_bulk(store.double, number, loop=loop, done=done)
            await writer.perform(store.note, "flush")

    assert told == [
        (2, True),
        ("13", True),
        ("the outbox failed: ValueError: poison", True),
    ]


async def test_close_does_what_is_queued_and_refuses_what_comes() -> None:
    """Nothing that was taken is dropped."""
    told: list[object] = []

    async with opened() as (store, writer):
        for number in range(1, 4):
            writer.queue_in_bulk(
                store.double, number, loop=current_loop(), done=told.append
            )

        await writer.close()

        with pytest.raises(OutboxError, match="the outbox is closed"):
            await writer.perform(store.note, "late")

        await writer.close()

    assert told == [2, 4, 6]


def test_loop_that_ended_is_no_trouble_for_others() -> None:
    """Its waiters ended with it; those of another loop are told."""
    store = ScriptedStore()
    writer = Writer(store)
    writer.start()
    store.gate.clear()

    async def give_up() -> None:
        async with create_task_group() as group:
            group.start_soon(writer.perform, store.stall)
            await anyio.to_thread.run_sync(store.entered.wait, 20)
            group.cancel_scope.cancel()

    async def go_on() -> object:
        store.gate.set()
        result = await writer.perform(store.note, "here")
        await writer.close()
        return result

    anyio.run(give_up, backend="asyncio")

    assert anyio.run(go_on, backend="trio") == "here"


def test_many_loops_share_a_writer() -> None:
    """Each waiter is woken in its own."""
    store = ScriptedStore()
    writer = Writer(store)
    writer.start()
    results: list[int] = []

    async def work(first: int) -> None:
        for number in range(first, first + 20):
            doubled = await writer.perform_in_bulk(store.double, number)
            results.append(doubled)

    def run(first: int, backend: str) -> None:
        anyio.run(work, first, backend=backend)

    threads = [
        threading.Thread(target=run, args=(1000, "asyncio")),
        threading.Thread(target=run, args=(2000, "trio")),
    ]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(20)

    anyio.run(writer.close)
    expected = [2 * (first + n) for first in (1000, 2000) for n in range(20)]
    assert sorted(results) == expected
