"""The system's resolver: in threads that are nobody else's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from upcall.webhooks.transport.resolver import SystemResolver


class Stall:
    """Takes the place of `getaddrinfo`, and hangs until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.hanging = 0
        self._come = threading.Semaphore(0)

    def __call__(self, host: bytes, port: int, **_: object) -> list[Any]:
        self.hanging += 1
        self._come.release()
        self.let_go.wait(50)
        return [(0, 0, 0, "", ("192.0.2.1", port))]

    def wait(self, number: int) -> None:
        """Return once so many hang."""
        for _ in range(number):
            assert self._come.acquire(timeout=30)


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    """Name servers that never answer."""
    found = Stall()
    monkeypatch.setattr(socket, "getaddrinfo", found)
    yield found
    found.let_go.set()


async def test_a_name_is_looked_up_as_the_system_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every address once, in the order given; the name goes in as it is, as bytes."""
    asked: list[object] = []

    def answer(host: bytes, port: int, **options: object) -> list[Any]:
        asked.append((host, port, options))
        rows = ["192.0.2.2", "192.0.2.1", "192.0.2.2"]
        return [(0, 0, 0, "", (row, port)) for row in rows]

    monkeypatch.setattr(socket, "getaddrinfo", answer)

    found = await SystemResolver()("xn--bcher-kva.example", 443)

    assert found == ["192.0.2.2", "192.0.2.1"]
    assert asked == [(b"xn--bcher-kva.example", 443, {"type": socket.SOCK_STREAM})]


async def test_a_literal_goes_the_same_way() -> None:
    """Here the real resolver is at work; it needs no network for this."""
    assert await SystemResolver()("127.0.0.1", 80) == ["127.0.0.1"]


async def test_a_failed_lookup_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system raises it."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(OSError, match="not known"):
        await SystemResolver()("nowhere.invalid", 443)


async def test_stalled_lookups_leave_the_threads_of_the_application_alone(
    stall: Stall,
) -> None:
    """More of them than it has threads, all given up, and its own work goes on."""
    resolver = SystemResolver(most=50)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(resolver, "hooks.example", 443)

        await anyio.to_thread.run_sync(stall.wait, 50)
        group.cancel_scope.cancel()

    with anyio.fail_after(30):
        assert await anyio.to_thread.run_sync(lambda: "done") == "done"

    assert not stall.let_go.is_set()


async def test_lookups_that_hang_are_bounded_for_good(stall: Stall) -> None:
    """Given up or not: no more threads than places, until they come back."""
    resolver = SystemResolver(most=2)

    for _ in range(4):
        with anyio.move_on_after(0.02):
            try:
                await resolver("hooks.example", 443)
            except OSError as error:
                assert "too many lookups hang" in str(error)

    assert stall.hanging <= 2
    stall.let_go.set()

    with anyio.fail_after(30):
        while True:
            try:
                assert await resolver("hooks.example", 443) == ["192.0.2.1"]
                break
            except OSError:
                await anyio.lowlevel.checkpoint()
