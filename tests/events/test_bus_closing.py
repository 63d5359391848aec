"""Opening and closing a bus: what is waited for, what is cancelled."""

from __future__ import annotations

__all__ = ()


import anyio
import anyio.lowlevel
import pytest

from upcall import (
    Bus,
    UpcallError,
)


async def test_leaving_the_bus_waits_for_what_it_started() -> None:
    """No orphan tasks, and what they emit is taken."""
    heard: list[str] = []
    bus = Bus()

    async def first(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("first")
        bus.emit("b")

    async def second(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append("second")

    bus.on("a", first)
    bus.on("b", second)

    async with bus:
        assert bus.emit("a") == 1
        assert heard == []

    assert heard == ["first", "second"]


async def test_error_in_the_block_cancels_the_background_and_comes_out_bare() -> None:
    """Not in a group."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    with pytest.raises(KeyError):
        async with Bus() as bus:
            bus.on("a", endless)
            bus.emit("a")
            await started.wait()
            raise KeyError("block")

    assert ended == ["endless"]


async def test_grace_ends_what_runs_too_long() -> None:
    """After that it is cancelled, and waited for."""
    ended: list[str] = []

    async def endless(_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with Bus(grace=0.01) as bus:
        bus.on("a", endless)
        bus.emit("a")

    assert ended == ["endless"]


async def test_cancelling_the_block_cancels_the_background() -> None:
    """From outside, while it waits."""
    ended: list[str] = []
    started = anyio.Event()

    async def endless(_: object) -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            ended.append("endless")

    async with anyio.create_task_group() as group:

        async def block() -> None:
            async with Bus() as bus:
                bus.on("a", endless)
                bus.emit("a")

        group.start_soon(block)
        await started.wait()
        group.cancel_scope.cancel()

    assert ended == ["endless"]


async def test_opening_an_open_bus_is_refused() -> None:
    """It has one owner."""
    async with Bus() as bus:
        with pytest.raises(UpcallError, match="open already"):
            async with bus:
                pass
