"""`upcall worker`: how signals and errors end it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from upcall.cli import working
from upcall.cli.__main__ import main
from upcall.cli.opened import ManagedOutbox
from upcall.cli.signals import TerminatedError
from upcall.webhooks import Guard

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="loops take no signals on Windows"
)

WHICH = ManagedOutbox(url="sqlite:///not-opened.db")


class SlowWorker:
    """Raises a signal before it has started, or ignores that it is to stop."""

    signals: tuple[signal.Signals, ...] = ()
    starts = True

    def __init__(self, *_: object, **__: object) -> None:
        self.was_stopped = anyio.Event()

    def stop(self) -> None:
        self.was_stopped.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        first, *others = self.signals

        if self.starts:
            task_status.started()

        signal.raise_signal(first)

        if self.starts:
            await self.was_stopped.wait()

        for each in others:
            signal.raise_signal(each)

        await anyio.sleep_forever()


async def test_a_signal_before_the_start_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An outbox that does not open would else keep it for ever."""
    monkeypatch.setattr(working, "Worker", SlowWorker)
    monkeypatch.setattr(SlowWorker, "starts", False)
    monkeypatch.setattr(SlowWorker, "signals", (signal.SIGTERM,))

    with anyio.fail_after(50), pytest.raises(TerminatedError):
        await working.run_worker(WHICH, slots=1, guard=Guard())


async def test_a_second_signal_ends_it_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one has asked it to stop, in order."""
    monkeypatch.setattr(working, "Worker", SlowWorker)
    monkeypatch.setattr(SlowWorker, "signals", (signal.SIGTERM, signal.SIGTERM))

    with anyio.fail_after(50), pytest.raises(TerminatedError):
        await working.run_worker(WHICH, slots=1, guard=Guard())

    assert capsys.readouterr().err.split("\n")[1:] == ["stopping", ""]


@pytest.mark.parametrize("loop", [[], ["--trio"]], ids=["asyncio", "trio"])
def test_an_outbox_that_cannot_be_opened_is_one_line(
    loop: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do, and status 1."""
    url = f"sqlite:///{tmp_path / 'nowhere' / 'outbox.db'}"

    assert main(["worker", "--outbox", url, *loop]) == 1

    errors = capsys.readouterr().err
    assert "the directory of the outbox must exist" in errors
    assert errors.count("\n") == 1
