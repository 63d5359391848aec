"""Edges of the bus that no other file has: each of them once."""

from __future__ import annotations

__all__ = ()

import subprocess
import sys
import threading
from typing import Any

import pytest

from upcall import Bus, Signal
from upcall._events import routes
from upcall.keys import matches


def test_callback_that_cancels_its_own_subscription_is_called_no_more() -> None:
    """The emission under way goes on to the others."""
    signal, heard = Signal[int]("a"), list[str]()

    @signal.on
    def own(payload: int) -> None:
        heard.append(f"own {payload}")
        assert own.cancel()

    signal.on(lambda payload: heard.append(f"other {payload}"))

    assert [signal.emit(1), signal.emit(2)] == [2, 1]
    assert heard == ["own 1", "other 1", "other 2"]


async def test_async_callback_that_cancels_its_own_subscription_ends_its_run() -> None:
    """What has begun goes on."""
    bus, heard = Bus(), list[int]()

    async def own(payload: int) -> int:
        assert subscription.cancel()
        heard.append(payload)
        return payload

    subscription = bus.on("a", own)

    assert await bus.aemit("a", 1) == [1]
    assert await bus.aemit("a", 2) == []
    assert heard == [1]


async def test_sync_callbacks_of_an_aemit_run_in_the_callers_thread() -> None:
    """Django: in a worker thread."""
    bus, heard = Bus(), list[int]()
    bus.on("a", lambda _: heard.append(threading.get_ident()))

    async def other(_: object) -> None:
        heard.append(threading.get_ident())

    bus.on("a", other)
    await bus.aemit("a")

    assert heard == [threading.get_ident()] * 2


def test_block_of_one_key_ends_no_subscription_to_another() -> None:
    """blinker: leaving a block for one sender ended the connection to another."""
    bus, heard = Bus(), list[str]()
    bus.on("a", heard.append)

    with bus.on("b", heard.append):
        bus.emit("b", "b1")

    bus.emit("a", "a1")
    bus.emit("b", "b2")

    assert heard == ["b1", "a1"]


def test_import_after_a_loop_has_ended_is_like_any_other() -> None:
    """eventkit: a RuntimeError, for it asked for the loop when it was imported."""
    program = """
import asyncio
asyncio.run(asyncio.sleep(0))

from upcall import Bus

async def main():
    heard = []

    async with Bus() as bus:
        bus.on("a", heard.append)
        await asyncio.to_thread(lambda: bus.emit_threadsafe("a", 1).result(10))

    assert heard == [1]

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Know which patterns are matched with which names."""
    asked: list[tuple[str, str]] = []

    def counting(pattern: str, name: str) -> bool:
        asked.append((pattern, name))
        return matches(pattern, name)

    monkeypatch.setattr(routes, "matches", counting)
    return asked


def test_pattern_is_matched_once_for_each_name(matched: list[Any]) -> None:
    """However often that is emitted, and whoever subscribes to other names."""
    bus, heard = Bus(), list[object]()
    bus.on("order.*", heard.append)

    for number in range(100):
        assert bus.emit("order.paid", number) == 1
        bus.on(f"other.name{number}", heard.append)

    assert matched == [("order.*", "order.paid")]
    assert len(heard) == 100


def test_unrelated_patterns_are_not_even_looked_at(matched: list[Any]) -> None:
    """They are sorted by what a name has to begin with."""
    bus = Bus()
    bus.on("order.*", print)
    bus.on("**.paid", print)

    for number in range(1000):
        bus.on(f"kind{number}.*", print)

    matched.clear()
    bus.emit("order.sent")

    assert sorted(matched) == [("**.paid", "order.sent"), ("order.*", "order.sent")]


def test_new_pattern_has_names_matched_again_once(matched: list[Any]) -> None:
    """A route is kept until subscriptions change that it may depend on."""
    bus = Bus()
    bus.on("order.*", lambda _: None)
    bus.emit("order.paid")
    bus.on("order.**", lambda _: None)
    matched.clear()

    assert [bus.emit("order.paid") for _ in range(3)] == [2, 2, 2]
    assert sorted(matched) == [("order.*", "order.paid"), ("order.**", "order.paid")]
