"""Eager tasks, which came with Python 3.12: a task's first step runs as it is made."""

# They start before anybody could hang them into a cancel scope, and callbacks that
# never wait are over before they have been counted. All promises hold all the same.

from __future__ import annotations

__all__ = ()

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from upcall import Bus, CallbackErrors, Signal

eager: Any = getattr(asyncio, "eager_task_factory", None)
pytestmark = pytest.mark.skipif(eager is None, reason="Python 3.12 brought them")


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a function in a loop whose tasks are eager."""

    async def start() -> None:
        asyncio.get_running_loop().set_task_factory(eager)
        await main()

    asyncio.run(start())


def test_aemit_gives_the_values_of_callbacks_that_wait_and_that_do_not() -> None:
    """In the order of subscription, whoever was first."""

    async def main() -> None:
        signal = Signal[int]("asked")
        ready = anyio.Event()

        @signal.on()
        async def waits(payload: int) -> str:
            await ready.wait()
            return "waited"

        @signal.on()
        async def opens(payload: int) -> str:
            ready.set()
            return "at once"

        assert await signal.aemit(1) == ["waited", "at once"]

    run(main)


def test_a_deadline_is_seen_by_the_callbacks_and_a_shield_in_them_holds() -> None:
    """The caller's cancel scope is theirs, with anyio's full meaning."""

    async def main() -> None:
        signal = Signal[int]("asked")
        saved: list[str] = []
        deadlines: list[float] = []

        async def waits(payload: int) -> None:
            deadlines.append(anyio.current_effective_deadline())

            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                    saved.append("saved")

        signal.on(waits)
        signal.on(waits)

        with anyio.CancelScope(deadline=anyio.current_time() + 1000) as scope:
            asyncio.get_running_loop().call_later(0, scope.cancel)
            await signal.aemit(1)

        assert scope.cancelled_caught
        assert deadlines == [scope.deadline] * 2
        assert saved == ["saved", "saved"]

    run(main)


def test_all_failures_of_an_aemit_come_out_together() -> None:
    """Those of the first step too."""

    async def main() -> None:
        signal = Signal[int]("asked")

        @signal.on()
        async def fails_at_once(payload: int) -> None:
            raise ValueError("at once")

        @signal.on()
        async def fails_later(payload: int) -> None:
            await anyio.lowlevel.checkpoint()
            raise KeyError("later")

        with pytest.raises(CallbackErrors) as caught:
            await signal.aemit(1)

        assert [type(each) for each in caught.value.exceptions] == [
            ValueError,
            KeyError,
        ]

    run(main)


def test_leaving_a_bus_waits_for_what_it_started() -> None:
    """For the callbacks that are over at once, and for those that are not."""

    async def main() -> None:
        heard: list[str] = []

        async with Bus() as bus:

            @bus.on("asked")
            async def at_once(payload: int) -> None:
                heard.append("at once")

            @bus.on("asked")
            async def later(payload: int) -> None:
                await anyio.lowlevel.checkpoint()
                heard.append("later")

            bus.emit("asked", 1)

        assert heard == ["at once", "later"]

    run(main)


def test_a_promise_chain_goes_through_async_handlers() -> None:
    """Each handler is a task, and each is eager."""

    async def main() -> None:
        async def doubled(number: int) -> int:
            await anyio.lowlevel.checkpoint()
            return number * 2

        async def next_one(number: int) -> int:
            return number + 1

        async with Bus() as bus:
            promise = bus.run(doubled, 2).then(next_one).then(doubled)

            assert await promise == 10

    run(main)
