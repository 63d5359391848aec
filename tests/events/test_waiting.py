"""`next` and `wait_for`: the next payload, as a promise or awaited."""

from __future__ import annotations

__all__ = ()

import anyio
import pytest
from tests.events.fakes import settle
from tests.events.virtual import LOOPS, Backend, backend

from upcall import (
    Bus,
    BusNotOpenError,
    Promise,
    PromiseCancelledError,
    Signal,
    event,
)


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Backend:
    """Choose a loop with virtual time."""
    return backend(request.param)


@event("test.waiting.paid")
class Paid:
    """What some tests emit."""

    order_id: int


class Thenable:
    """A payload that looks like a promise."""

    def then(self, *_: object) -> None:
        """Never settle."""
        raise AssertionError("nobody may ask a payload for its then")


async def test_next_is_subscribed_from_the_call_on() -> None:
    """Whoever awaits it later gets the first payload after the call."""
    bus, signal = Bus(), Signal[int]("tick")
    by_name, by_class, tick = bus.next("a"), bus.next(Paid), signal.next()

    for i in (1, 2):
        bus.emit("a", i)
        bus.emit(Paid(i))
        signal.emit(i)

    assert await by_name == 1
    assert await by_class == Paid(1)
    assert await tick == 1


async def test_wait_for_is_subscribed_from_the_call_on() -> None:
    """Not when it is first awaited: Node's trap."""
    bus = Bus()
    waiting = bus.wait_for("a")

    bus.emit("a", 1)

    assert await waiting == 1
    assert bus.subscriptions() == []


async def test_next_is_used_up_by_one_emission() -> None:
    """It leaves no subscription behind."""
    bus = Bus()
    promise = bus.next("a")

    assert [bus.emit("a", 1), bus.emit("a", 2)] == [1, 0]
    assert await promise == 1


async def test_next_and_wait_for_take_a_predicate() -> None:
    """What it refuses is not counted, and does not use it up."""
    bus, signal = Bus(), Signal[int]("tick")
    promise = bus.next("a", when=lambda i: i > 1)
    waiting = bus.wait_for("a", when=lambda i: i > 2)
    tick = signal.next(lambda i: i > 1)

    assert [bus.emit("a", i) for i in (1, 2, 3)] == [0, 1, 1]
    assert [signal.emit(i) for i in (1, 2)] == [0, 1]
    assert (await promise, await waiting, await tick) == (2, 3, 2)


async def test_payload_with_a_then_is_given_as_it_is() -> None:
    """A payload is a payload, not a promise to follow."""
    bus = Bus()
    promise, waiting = bus.next("a"), bus.wait_for("a")
    payload = Thenable()

    bus.emit("a", payload)

    assert await promise is payload
    assert await waiting is payload


async def test_payload_that_is_a_promise_is_given_as_it_is() -> None:
    """Ours too."""
    bus = Bus()
    promise = bus.next("a")
    payload = Promise.fulfilled(1)

    bus.emit("a", payload)

    assert await promise is payload


async def test_wait_for_gives_up_at_its_timeout() -> None:
    """Counted from the call; it is no longer subscribed then."""
    bus = Bus()
    begin = anyio.current_time()
    waiting = bus.wait_for("a", timeout=10)
    await anyio.sleep(4)

    with pytest.raises(TimeoutError):
        await waiting

    assert anyio.current_time() - begin == pytest.approx(10)
    assert bus.subscriptions() == []


async def test_wait_for_that_timed_out_unseen_is_told_to_nobody_else() -> None:
    """Who awaits it later hears of it then."""
    told: list[object] = []

    async with Bus(on_error=lambda *args: told.append(args)) as bus:
        waiting = bus.wait_for("a", timeout=1)
        await anyio.sleep(5)

        with pytest.raises(TimeoutError):
            await waiting

    assert told == []


async def test_cancelled_awaiter_of_wait_for_is_no_longer_subscribed() -> None:
    """Nobody else could be waiting."""
    bus = Bus()

    async def wait() -> None:
        await bus.wait_for("a")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await settle()
        assert len(bus.subscriptions()) == 1
        group.cancel_scope.cancel()

    assert bus.subscriptions() == []


async def test_cancelled_next_is_no_longer_subscribed() -> None:
    """And is rejected as promises are."""
    bus = Bus()
    promise = bus.next("a")

    promise.cancel()

    assert bus.emit("a", 1) == 0
    with pytest.raises(PromiseCancelledError):
        await promise


async def test_closing_the_bus_rejects_those_who_wait() -> None:
    """They hear that the bus was closed; on_error hears nothing."""
    told: list[object] = []

    async with Bus(on_error=lambda *args: told.append(args)) as bus:
        promise = bus.next("a")
        waiting = bus.wait_for("a")
        timed = bus.wait_for("a", timeout=60)
        unseen = bus.next("a"), bus.wait_for("a", timeout=60)
        assert bus.statistics().waiting == 5

    for each in (promise, waiting, timed):
        with pytest.raises(BusNotOpenError, match="closed"):
            await each

    assert told == []
    assert bus.subscriptions() == []
    del unseen


async def test_task_of_the_bus_that_waits_is_told_as_the_bus_closes() -> None:
    """So closing does not wait for it for ever."""
    log: list[str] = []

    async with Bus() as bus:

        @bus.on("a")
        async def waits(_: object) -> None:
            try:
                await bus.wait_for("b")
            except BusNotOpenError:
                log.append("told")

        bus.emit("a")
        await settle()

    assert log == ["told"]


async def test_who_begins_to_wait_while_the_bus_closes_is_told_at_once() -> None:
    """Nothing would ever come to them."""
    log: list[str] = []

    async with Bus() as bus:

        @bus.on("a")
        async def waits(_: object) -> None:
            await anyio.sleep(1)

            try:
                await bus.next("b")
            except BusNotOpenError:
                log.append("told")

        bus.emit("a")

    assert log == ["told"]


async def test_promise_of_the_next_payload_is_kept_by_an_emission_in_a_thread() -> None:
    """It is settled in its own loop."""
    bus = Bus()
    promise = bus.next("a")

    await anyio.to_thread.run_sync(bus.emit, "a", 1)

    assert await promise == 1


@pytest.mark.parametrize("loop", LOOPS)
def test_promise_of_a_loop_that_has_ended_troubles_no_later_emission(loop: str) -> None:
    """Nobody waits any more."""
    signal = Signal[int]("tick")

    async def main() -> None:
        signal.next()

    anyio.run(main, backend=loop)

    assert signal.emit(1) == 1
    assert signal.emit(2) == 0


async def test_next_on_a_chain() -> None:
    """It is a promise like any other."""
    bus = Bus()
    promise = bus.next("a").then(lambda i: i + 1)

    bus.emit("a", 1)

    assert await promise == 2
