"""`Signal.aemit`: again and again, where a signal that stands alone is fast."""

from __future__ import annotations

__all__ = ()

import anyio
import anyio.lowlevel
import pytest

from upcall import Bus, BusNotOpenError, CallbackErrors, Signal


async def double(payload: int) -> int:
    """Wait a turn, and double it."""
    await anyio.lowlevel.checkpoint()
    return 2 * payload


async def fails(payload: int) -> None:
    """Wait a turn, and fail."""
    await anyio.lowlevel.checkpoint()
    raise ValueError(payload)


@pytest.mark.parametrize("sequential", [False, True])
async def test_each_aemit_gives_the_values_of_its_own_payload(sequential: bool) -> None:
    """With one callback, and with several."""
    signal = Signal[int]("a", sequential=sequential)

    for count in (1, 2, 3):
        signal.on(double)

        for payload in range(3):
            assert await signal.aemit(payload) == [2 * payload] * count


@pytest.mark.parametrize("sequential", [False, True])
async def test_failures_are_raised_by_each_aemit(sequential: bool) -> None:
    """All have run; each failure says whose it is."""
    signal = Signal[int]("a", sequential=sequential)
    heard: list[int] = []

    async def hear(payload: int) -> None:
        heard.append(payload)

    for callback in (fails, hear, fails) if sequential else (fails,):
        signal.on(callback)

    for payload in range(3):
        with pytest.raises(CallbackErrors) as caught:
            await signal.aemit(payload)

        errors = caught.value.exceptions
        assert [str(error) for error in errors] == [str(payload)] * len(errors)
        assert "fails" in errors[-1].__notes__[0]

    assert heard == ([0, 1, 2] if sequential else [])


async def test_what_changes_between_two_aemits_counts_for_the_second() -> None:
    """The fast path forgets what is no longer right."""
    signal = Signal[int]("a")
    subscription = signal.on(double)
    assert await signal.aemit(1) == await signal.aemit(1) == [2]

    subscription.pause()
    assert await signal.aemit(1) == []
    subscription.resume()
    assert await signal.aemit(1) == [2]
    signal.on(lambda payload: payload)
    assert await signal.aemit(1) == [1, 2]
    subscription.cancel()
    assert await signal.aemit(1) == [1]


async def test_what_changes_within_a_sequential_aemit_counts_for_the_next() -> None:
    """Those who were subscribed when it began are called."""
    signal = Signal[int]("a", sequential=True)

    async def first(payload: int) -> int:
        second.cancel()
        signal.on(double)
        return payload

    signal.on(first)
    second = signal.on(double)

    assert await signal.aemit(1) == await signal.aemit(1) == [1, 2]


async def test_cancelled_aemit_of_one_callback_is_the_callers_own() -> None:
    """It runs in the caller's task."""
    signal = Signal[int]("a")
    signal.on(lambda _: None).cancel()

    @signal.on()
    async def waits(_: int) -> None:
        await anyio.sleep_forever()

    for _ in range(2):
        with anyio.move_on_after(0) as scope:
            await signal.aemit(1)

        assert scope.cancelled_caught


async def test_signal_that_stands_alone_has_no_background() -> None:
    """The error says what to do."""
    signal = Signal[int]("a")

    with pytest.raises(BusNotOpenError, match="bus=bus"):
        signal.emit_soon(1)

    async with Bus() as bus:
        assert await Signal[int]("a", bus=bus).emit_soon(1) == []
