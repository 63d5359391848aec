"""The command itself: its version, its help, and what it says when it cannot run."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from upcall.cli.__main__ import main
from upcall.cli.signals import TerminatedError


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with its name."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"upcall {version('upcall')}\n"


def test_it_is_a_module_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m upcall.cli` is the command, where no script was installed."""
    monkeypatch.delitem(sys.modules, "upcall.cli.__main__")
    monkeypatch.setattr(sys, "argv", ["upcall", "--help"])

    with pytest.raises(SystemExit) as caught:
        runpy.run_module("upcall.cli", run_name="__main__")

    assert caught.value.code == 0
    assert "Usage: upcall" in capsys.readouterr().out


def test_it_tells_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Help names the commands, and help of a command its options."""
    assert main(["--help"]) == 0
    assert main(["demo", "--help"]) == 0

    told = capsys.readouterr().out
    assert "demo" in told
    assert "--receiver-port" in told


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["demo", "--nothing"], ["demo", "--receiver-port", "65536"], []],
)
def test_wrong_usage_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, with status 2, and without a traceback."""
    assert main(arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: upcall" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("missing", ["click", "uvicorn", "sqlalchemy", "msgspec"])
def test_a_missing_extra_is_one_line(missing: str) -> None:
    """It says what to install; nothing else is imported for that."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from upcall.cli.__main__ import main\n"
        "sys.exit(main(['demo']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    wanted = f"upcall: the command needs {missing}: pip install 'upcall[cli]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", wanted)


def test_what_is_missing_is_told_by_the_process_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same, without a process of its own."""
    monkeypatch.delitem(sys.modules, "upcall.cli.commands", raising=False)
    monkeypatch.setitem(sys.modules, "click", None)

    assert main(["demo"]) == 1
    assert "pip install 'upcall[cli]'" in capsys.readouterr().err


def test_an_interruption_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bare, or in a group as trio raises it; what else is in the group comes out."""
    interruption = KeyboardInterrupt()
    groups = [interruption, BaseExceptionGroup("", [interruption])]
    mixed = BaseExceptionGroup("", [interruption, RuntimeError("other")])

    def run(_: object) -> int:
        raise groups.pop(0)

    monkeypatch.setattr("upcall.cli.commands.run", run)

    assert [main([]), main([])] == [130, 130]
    assert capsys.readouterr().err == "upcall: interrupted\n" * 2
    groups.append(mixed)

    with pytest.raises(ExceptionGroup) as caught:
        main([])

    assert isinstance(caught.value.exceptions[0], RuntimeError)


FULL = pytest.param(
    "full",
    "No space left on device",
    marks=pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="there is no full device here"
    ),
)


def output(kind: str) -> int:
    """Open something that cannot be written to."""
    if kind == "full":
        return os.open("/dev/full", os.O_WRONLY)

    nobody, end = os.pipe()
    os.close(nobody)
    return end


PIPE = ("pipe", "")
"""Who reads has enough, as `upcall deliveries | head`: that needs no word."""


@pytest.mark.parametrize(("kind", "says"), [FULL, PIPE])
def test_output_that_cannot_be_written_is_one_line(kind: str, says: str) -> None:
    """A full disk, or a pipe that nobody reads: no traceback, not at the end either."""
    code = (
        "import sys\n"
        "from upcall.cli import commands\n"
        "from upcall.cli.__main__ import main\n"
        "commands.run = lambda _: print('a table') or 0\n"
        "sys.stdout.reconfigure(line_buffering=True)\n"
        "sys.exit(main([]))"
    )
    broken = output(kind)

    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=broken,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    os.close(broken)
    expected = f"upcall: stopped: {says}\n" if says else ""
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize("kind", [pytest.param("full", marks=FULL.marks), "pipe"])
def test_where_nothing_can_be_said_the_status_says_it(kind: str) -> None:
    """With stderr gone too, nothing is written anywhere."""
    broken = output(kind)

    done = subprocess.run(
        [sys.executable, "-m", "upcall.cli", "nothing"],
        stdout=subprocess.PIPE,
        stderr=broken,
        check=False,
    )

    os.close(broken)
    assert (done.returncode, done.stdout) == (1, b"")


def test_what_the_system_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file, where there is one; also out of the groups of a loop."""
    refused = PermissionError(13, "Permission denied", "outbox.db")
    errors = [refused, ExceptionGroup("", [ExceptionGroup("", [OSError("odd")])])]

    def run(_: object) -> int:
        raise errors.pop(0)

    monkeypatch.setattr("upcall.cli.commands.run", run)

    assert [main([]), main([])] == [1, 1]
    assert capsys.readouterr().err.splitlines() == [
        "upcall: stopped: Permission denied: outbox.db",
        "upcall: stopped: odd",
    ]


def test_a_termination_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another word than for Ctrl-C, and another status."""

    def run(_: object) -> int:
        raise TerminatedError

    monkeypatch.setattr("upcall.cli.commands.run", run)

    assert main([]) == 143
    assert capsys.readouterr().err == "upcall: terminated\n"


def test_a_mistake_of_ours_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of our own that is not there is a bug, and shows as one."""
    monkeypatch.setitem(sys.modules, "upcall.cli.commands", None)

    with pytest.raises(ModuleNotFoundError, match=r"upcall\.cli\.commands"):
        main([])
