"""Failures of sync callbacks: all run, all come out, nothing is hidden."""

from __future__ import annotations

__all__ = ()

from pathlib import Path

import pytest

from upcall import (
    Bus,
    BusNotOpenError,
    CallbackErrors,
    Signal,
)


def test_failures_come_as_one_group_after_all_have_run() -> None:
    """One failing callback neither stops the others nor goes unseen."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    def broken(x: int) -> None:
        raise ValueError(x)

    signal.on(broken)
    signal.on(heard.append)
    signal.on(broken)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    assert heard == [1]
    assert [str(error) for error in caught.value.exceptions] == ["1", "1"]
    (note,) = caught.value.exceptions[0].__notes__
    assert "broken" in note
    assert Path(__file__).name + ":" in note
    assert "tick" in note


def test_one_failure_is_a_group_too() -> None:
    """So ``except*`` always works."""
    signal = Signal[int]("tick")
    signal.on(lambda _: 1 / 0)
    caught = []

    try:
        signal.emit(1)
    except* ZeroDivisionError as group:
        caught.append(group)

    assert len(caught) == 1
    assert isinstance(caught[0], CallbackErrors)


def test_note_is_added_once_to_an_error_raised_again() -> None:
    """An exception object that is raised a thousand times is not written full."""
    error = ValueError("again")
    signal = Signal[int]("tick")

    def raises(x: int) -> None:
        raise error

    signal.on(raises)

    for _ in range(20):
        with pytest.raises(CallbackErrors):
            signal.emit(1)

    assert len(error.__notes__) == 1


def test_group_raised_by_a_callback_is_one_failure() -> None:
    """It is kept whole inside ours."""
    signal = Signal[int]("tick")

    def raises(x: int) -> None:
        raise ExceptionGroup("theirs", [KeyError(1), ValueError(2)])

    signal.on(raises)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    (inner,) = caught.value.exceptions
    assert isinstance(inner, ExceptionGroup)
    assert len(inner.exceptions) == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_failure_ends_the_emission_bare(kind: type[BaseException]) -> None:
    """A Ctrl-C is nobody's failure, and no later callback runs."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    def stop(x: int) -> None:
        raise kind

    signal.on(stop)
    signal.on(heard.append)

    with pytest.raises(kind):
        signal.emit(1)

    assert heard == []


def test_emission_that_feeds_itself_ends_in_a_shallow_group() -> None:
    """The RecursionError comes out, not in a thousand nested groups."""
    signal = Signal[int]("tick")
    signal.on(lambda x: signal.emit(x) and None)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    depth, error = 0, caught.value.exceptions[0]
    while isinstance(error, CallbackErrors):
        depth, error = depth + 1, error.exceptions[0]

    assert isinstance(error, RecursionError)
    assert depth < 20


def test_group_is_shallow_wherever_in_it_the_others_are() -> None:
    """Some callbacks may fail before the one that emits again."""
    signal = Signal[int]("tick")

    def fails(_: int) -> None:
        raise ValueError("first")

    def emits_again(left: int) -> None:
        if left:
            signal.emit(left - 1)

    signal.on(fails)
    signal.on(emits_again)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(100)

    depth, found = 0, 0
    group: Exception = caught.value

    while isinstance(group, CallbackErrors):
        found += sum(isinstance(each, ValueError) for each in group.exceptions)
        depth, group = depth + 1, group.exceptions[-1]

    assert depth < 20
    assert found == 101


def test_debounced_callback_without_a_bus_is_not_told_to_be_awaited() -> None:
    """`aemit` does not help it, and it may be sync."""
    signal, bus = Signal[int]("tick"), Bus()
    signal.on(print, debounce=1)
    bus.on("tick", print, throttle=1)

    with pytest.raises(BusNotOpenError, match="the debounced callback print") as alone:
        signal.emit(1)

    with pytest.raises(BusNotOpenError, match="is throttled and runs") as closed:
        bus.emit("tick", 1)

    assert "aemit" not in f"{alone.value} {closed.value}"


def test_async_callback_without_a_bus_refuses_emit_before_any_call() -> None:
    """The error names the callback and its place."""
    heard: list[int] = []
    signal = Signal[int]("tick")
    signal.on(heard.append)

    @signal.on
    async def listener(x: int) -> None: ...

    with pytest.raises(BusNotOpenError, match=r"listener \(.*failures.py:\d+\)"):
        signal.emit(1)

    assert heard == []


def test_sync_callback_that_returns_an_awaitable_fails_without_a_bus() -> None:
    """The coroutine is closed, not dropped."""
    heard: list[int] = []
    signal = Signal[int]("tick")

    async def work(x: int) -> None: ...

    def taken_for_sync(x: int) -> object:
        return work(x)

    signal.on(taken_for_sync)
    signal.on(heard.append)

    with pytest.raises(CallbackErrors) as caught:
        signal.emit(1)

    assert isinstance(caught.value.exceptions[0], BusNotOpenError)
    assert heard == [1]
