"""Promises where tasks are eager, as Python 3.12 can have them."""

from __future__ import annotations

__all__ = ()

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from tests.promises.kinds import Boom, drained, outcome, turns

from upcall._promises.promise import Promise
from upcall.errors import PromiseCancelledError

eager: Any = getattr(asyncio, "eager_task_factory", None)
pytestmark = pytest.mark.skipif(eager is None, reason="Python 3.12 brought them")


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a function in a loop whose tasks are eager."""

    async def start() -> None:
        asyncio.get_running_loop().set_task_factory(eager)
        await main()

    asyncio.run(start())


def test_a_task_that_is_over_as_it_is_made_settles_its_promise() -> None:
    """With a value, an error, or something to wait for."""
    error = Boom()

    async def gives(value: Any) -> Any:
        return value

    async def fails(_: Any) -> None:
        raise error

    async def main() -> None:
        assert await Promise.run(gives, 1) == 1
        assert await Promise.resolve(1).then(gives) == 1
        assert await Promise.run(gives, Promise.resolve(2)) == 2
        assert await Promise.resolve(gives(gives(3))) == 3
        assert await outcome(Promise.run(fails, 1)) == ("rejected", error)
        assert await outcome(Promise.resolve(1).then(fails)) == ("rejected", error)
        assert await Promise.map([1, 2], gives, concurrency=1) == [1, 2]

    run(main)


def test_a_task_that_waits_is_cancelled_like_any_other() -> None:
    """Its scope is there from its first step."""
    log: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    async def main() -> None:
        promise = Promise.run(work)
        promise.cancel()
        await turns()

        with pytest.raises(PromiseCancelledError):
            await promise

        with pytest.raises(TimeoutError):
            await Promise.run(work).timeout(0)

        await drained()

    run(main)
    assert log == ["ended", "ended"]
