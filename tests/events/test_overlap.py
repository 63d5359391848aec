"""What an async callback does with an emission that comes while it still runs."""

from __future__ import annotations

__all__ = ()

import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.events.fakes import Worker, settle

from upcall import Bus, CallbackErrors, OptionError, Signal


async def emit_three(bus: Bus) -> list[int]:
    """Emit 1, 2 and 3, each when all is quiet; return how many heard each."""
    heard = []

    for payload in (1, 2, 3):
        heard.append(bus.emit("a", payload))
        await settle()

    return heard


async def test_overlap_merge_runs_at_the_same_time() -> None:
    """The default: every emission has its run, at once."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="merge")

        assert await emit_three(bus) == [1, 1, 1]
        assert work.log == ["+1", "+2", "+3"]
        work.let_go(1, 2, 3)


async def test_overlap_queue_runs_one_after_the_other_in_order() -> None:
    """Nothing is lost, nothing overtakes."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="queue")

        assert await emit_three(bus) == [1, 1, 1]
        assert work.log == ["+1"]
        assert bus.statistics().waiting == 2
        work.let_go(3, 2, 1)

    assert work.log == ["+1", "-1", "+2", "-2", "+3", "-3"]


async def test_overlap_drop_hears_nothing_while_it_runs() -> None:
    """What is dropped is not counted."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="drop")

        assert await emit_three(bus) == [1, 0, 0]
        assert bus.statistics().calls == 1
        work.let_go(1, 4)
        await bus.drain()
        assert bus.emit("a", 4) == 1

    assert work.log == ["+1", "-1", "+4", "-4"]


async def test_overlap_latest_keeps_the_newest_waiting() -> None:
    """What was superseded is gone."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="latest")

        assert await emit_three(bus) == [1, 1, 1]
        assert bus.statistics().waiting == 1
        work.let_go(1, 2, 3)

    assert work.log == ["+1", "-1", "+3", "-3"]


async def test_overlap_restart_cancels_the_running_one() -> None:
    """The newest takes over once the older one has ended."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="restart")

        assert await emit_three(bus) == [1, 1, 1]
        work.let_go(3)

    assert work.log == ["+1", "x1", "+2", "x2", "+3", "-3"]


async def test_overlap_restart_waits_for_the_cleaning_up_of_the_older_one() -> None:
    """Two runs never overlap, not even while one of them ends."""
    log: list[str] = []
    cleaned = anyio.Event()

    async def callback(payload: int) -> None:
        log.append(f"+{payload}")

        try:
            if payload == 1:
                await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await cleaned.wait()
                log.append(f"-{payload}")

    async with Bus() as bus:
        bus.on("a", callback, overlap="restart")
        bus.emit("a", 1)
        await settle()
        bus.emit("a", 2)
        await settle()

        assert log == ["+1"]
        cleaned.set()

    assert log == ["+1", "-1", "+2", "-2"]


async def test_overlap_restart_of_a_run_that_has_not_begun_never_begins_it() -> None:
    """All in one turn: only the newest runs."""
    work = Worker()
    work.let_go(1, 2, 3)

    async with Bus() as bus:
        bus.on("a", work, overlap="restart")

        for payload in (1, 2, 3):
            bus.emit("a", payload)

    assert work.log == ["+3", "-3"]


async def test_concurrency_lets_so_many_run_and_queues_the_rest() -> None:
    """As one ends, the next begins."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, concurrency=2)

        assert await emit_three(bus) == [1, 1, 1]
        assert work.log == ["+1", "+2"]
        work.let_go(2)
        await settle()
        assert work.log == ["+1", "+2", "-2", "+3"]
        work.let_go(1, 3)


async def aemit_all(signal: Signal[int], work: Worker) -> dict[int, Any]:
    """Emit 1, 2 and 3, each while the others wait; return what each `aemit` gave."""
    results: dict[int, Any] = {}

    async def one(payload: int) -> None:
        results[payload] = await signal.aemit(payload)

    async with anyio.create_task_group() as group:
        for payload in (1, 2, 3):
            group.start_soon(one, payload)
            await settle()

        work.let_go(1, 2, 3)

    return results


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"overlap": "merge"}, {1: [1], 2: [2], 3: [3]}),
        ({"overlap": "queue"}, {1: [1], 2: [2], 3: [3]}),
        ({"overlap": "drop"}, {1: [1], 2: [], 3: []}),
        ({"overlap": "latest"}, {1: [1], 2: [], 3: [3]}),
        ({"overlap": "restart"}, {1: [], 2: [], 3: [3]}),
        ({"concurrency": 1}, {1: [1], 2: [2], 3: [3]}),
    ],
)
async def test_aemit_waits_for_its_own_run_and_has_no_entry_for_a_dropped_one(
    options: dict[str, Any], expected: dict[int, list[int]]
) -> None:
    """No entry, and no error either."""
    signal, work = Signal[int]("a"), Worker()
    signal.on(work, **options)

    assert await aemit_all(signal, work) == expected


async def test_restarted_run_that_shrugs_off_its_cancellation_leaves_no_entry() -> None:
    """It was superseded, whatever it returns."""
    signal = Signal[int]("a")

    async def stubborn(payload: int) -> int:
        if payload == 1:
            with anyio.CancelScope(shield=True):
                await superseded.wait()

        return payload

    superseded = anyio.Event()
    signal.on(stubborn, overlap="restart")
    results: list[list[int]] = []

    async def first() -> None:
        results.append(await signal.aemit(1))

    async def second() -> None:
        results.append(await signal.aemit(2))

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await settle()
        group.start_soon(second)
        await settle()
        superseded.set()

    assert sorted(results) == [[], [2]]


async def test_cancelled_aemit_takes_its_waiting_run_with_it() -> None:
    """Who no longer waits wants it no longer."""
    signal, work = Signal[int]("a"), Worker()
    signal.on(work, overlap="queue")

    async with anyio.create_task_group() as group:
        group.start_soon(signal.aemit, 1)
        await settle()

        async with anyio.create_task_group() as impatient:
            impatient.start_soon(signal.aemit, 2)
            await settle()
            impatient.cancel_scope.cancel()

        work.let_go(1, 3)
        assert await signal.aemit(3) == [3]

    assert work.log == ["+1", "-1", "+3", "-3"]


async def test_cancelled_run_makes_room_for_the_next() -> None:
    """A place in the row is given back, however it ends."""
    signal, work = Signal[int]("a"), Worker()
    signal.on(work, overlap="queue")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(signal.aemit, 1)
            await settle()
            scope.cancel()

    work.let_go(2)

    assert await signal.aemit(2) == [2]


async def test_failing_run_makes_room_for_the_next() -> None:
    """Failures of one emission are nothing to the others."""
    signal = Signal[int]("a")

    @signal.on(overlap="drop")
    async def fails(payload: int) -> None:
        raise ValueError(payload)

    for payload in (1, 2):
        with pytest.raises(CallbackErrors, match="1 callback failed"):
            await signal.aemit(payload)


async def test_cancelling_a_subscription_drops_what_waits_and_lets_the_rest_end() -> (
    None
):
    """What has begun goes on."""
    work = Worker()

    async with Bus() as bus:
        subscription = bus.on("a", work, overlap="queue")
        await emit_three(bus)

        subscription.cancel()
        work.let_go(1, 2, 3)

    assert work.log == ["+1", "-1"]


async def test_cancelling_from_another_thread_drops_what_waits() -> None:
    """All methods of a subscription may be called from any thread."""
    work = Worker()

    async with Bus() as bus:
        subscription = bus.on("a", work, overlap="queue")
        await emit_three(bus)

        await anyio.to_thread.run_sync(subscription.cancel)
        await settle()
        assert bus.statistics().running == 1
        work.let_go(1, 2, 3)

    assert work.log == ["+1", "-1"]


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"overlap": "queue"}, [[1], [2]]),
        ({"overlap": "latest"}, [[1], [2]]),
        ({"overlap": "restart"}, [[], [2]]),
        ({"concurrency": 1}, [[1], [2]]),
    ],
)
async def test_runs_of_several_loops_take_turns(
    options: dict[str, Any], given: list[list[int]]
) -> None:
    """An `aemit` in another thread waits there for a run here, and is woken there."""
    bus, work = Bus(), Worker()
    values: list[list[int]] = [[], []]

    async def waits_here(payload: int) -> int:
        return await work(payload) if payload == 1 else payload

    async def emit(payload: int) -> None:
        with anyio.fail_after(20):
            values[payload - 1] = await bus.aemit("a", payload)

    bus.on("a", waits_here, **options)

    async with anyio.create_task_group() as group:
        group.start_soon(emit, 1)
        await settle()
        other = threading.Thread(target=anyio.run, args=(emit, 2))
        other.start()

        while bus.statistics().waiting == 0 and work.log == ["+1"]:  # noqa: ASYNC110
            await anyio.sleep(0.001)

        work.let_go(1)

    await anyio.to_thread.run_sync(other.join)

    assert values == given


async def test_run_that_is_given_up_before_it_begins_gives_its_place_back() -> None:
    """The next one would wait for ever."""
    signal, interrupts = Signal[int]("a"), [True]

    async def heard(payload: int) -> int:
        return payload

    def when(_: int) -> bool:
        if interrupts.pop():
            raise KeyboardInterrupt

        return False

    signal.on(heard, overlap="queue")
    signal.on(heard, when=when)

    with pytest.raises(KeyboardInterrupt):
        await signal.aemit(1)

    interrupts.append(False)

    with anyio.fail_after(5):
        assert await signal.aemit(2) == [2]


async def test_overlap_is_kept_per_subscription() -> None:
    """The same callback twice: one subscription does not wait for the other."""
    work = Worker()

    async with Bus() as bus:
        bus.on("a", work, overlap="drop")
        bus.on("a", work, overlap="drop")

        assert await emit_three(bus) == [2, 0, 0]
        work.let_go(1)


@pytest.mark.parametrize(
    "options", [{"overlap": "queue"}, {"overlap": "latest"}, {"concurrency": 1}]
)
async def test_awaiting_an_emission_that_waits_for_oneself_is_refused(
    options: dict[str, Any],
) -> None:
    """It would wait for ever; an error says what to do instead."""
    signal = Signal[int]("a")

    async def again(payload: int) -> None:
        await signal.aemit(payload + 1)

    signal.on(again, **options)

    with pytest.raises(CallbackErrors) as caught:
        await signal.aemit(1)

    (inner,) = caught.value.exceptions
    assert isinstance(inner, CallbackErrors)
    assert isinstance(inner.exceptions[0], OptionError)
    assert "waits for ever" in str(inner.exceptions[0])


async def test_awaiting_an_emission_inside_a_run_is_fine_where_another_run_ends() -> (
    None
):
    """Room for two: the inner one waits for somebody else."""
    signal, work = Signal[int]("a"), Worker()

    @signal.on(concurrency=2)
    async def callback(payload: int) -> Any:
        return await signal.aemit(3) if payload == 1 else await work(payload)

    async def other() -> None:
        assert await signal.aemit(2) == [2]

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await settle()
        group.start_soon(settle_and_let_go, work)

        assert await signal.aemit(1) == [[3]]


async def settle_and_let_go(work: Worker) -> None:
    """Let all runs end, once all is quiet."""
    await settle()
    work.let_go(2, 3)


async def test_emit_inside_a_queued_run_is_heard_after_it() -> None:
    """It waits for nothing, so it may."""
    heard: list[int] = []

    async with Bus() as bus:

        @bus.on("a", overlap="queue")
        async def callback(payload: int) -> None:
            if payload < 3:
                bus.emit("a", payload + 1)

            heard.append(payload)

        bus.emit("a", 1)

    assert heard == [1, 2, 3]
