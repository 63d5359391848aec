"""The demo: everything works together, and it says so only if it does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from upcall.cli import demo
from upcall.cli.__main__ import main
from upcall.cli.endpoint import DemoEndpoint
from upcall.cli.payload import SHIPPED, read_payloads
from upcall.webhooks._proto.answer import Answer, TransportError
from upcall.webhooks.transport.post import PostTransport

BACKENDS = pytest.mark.parametrize("options", [[], ["--trio"]], ids=["asyncio", "trio"])


def counts(table: str) -> dict[str, int]:
    """Read the table."""
    rows = [line.rsplit(maxsplit=1) for line in table.splitlines()]
    return {name.strip(): int(count) for name, count in rows}


def fill(folder: Path, number: int) -> Path:
    """Write so many payloads into a folder, all different."""
    for n in range(number):
        text = json.dumps({"number": n, "title": "\u2713"})
        (folder / f"{n:04}-issues.opened.json").write_text(text, encoding="utf-8")

    return folder


class Judged(DemoEndpoint):
    """An endpoint that also verifies with the `standardwebhooks` package."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self.judge = Webhook(secret)

    def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        self.judge.verify(body, dict(headers))
        return super().answer(headers, body)


class Closed(DemoEndpoint):
    """An endpoint that takes nothing."""

    def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        return 503


@BACKENDS
def test_nothing_is_lost(
    options: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each shipped payload is heard by each callback, and comes out once."""
    monkeypatch.setattr(demo, "DemoEndpoint", Judged)
    number = len(read_payloads(SHIPPED))

    status = main(["demo", *options])

    captured = capsys.readouterr()
    table = counts(captured.out)
    assert status == 0
    assert {table[name] for name in list(table)[:5]} == {number}
    assert table["retries"] == table["attempts"] - number > 0
    assert (table["lost"], table["duplicates"]) == (0, 0)
    assert f"{number} of {number} events in" in captured.err


def test_thirty_payloads_of_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any number of them, whatever is in them."""
    status = main(["demo", str(fill(tmp_path, 30))])

    table = counts(capsys.readouterr().out)
    assert status == 0
    assert (table["events in"], table["deliveries"], table["retries"]) == (30, 30, 10)


def test_what_does_not_come_out_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an endpoint that takes nothing, the table and the status say so."""
    monkeypatch.setattr(demo, "DemoEndpoint", Closed)
    monkeypatch.setattr(demo, "SCHEDULE", (0.0, 0.0))
    monkeypatch.setattr(demo, "PATIENCE", 0.5)
    number = len(read_payloads(SHIPPED))

    status = main(["demo"])

    table = counts(capsys.readouterr().out)
    assert status == 1
    assert (table["events in"], table["lost"]) == (number, number)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Answer(status=500), "the receiver answered 500"),
        (TransportError("timeout", "no answer"), "did not answer: timeout: no answer"),
    ],
)
def test_what_the_receiver_does_not_take_is_told(
    outcome: Answer | TransportError,
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each such payload in a line of its own, and then it is lost."""

    class Fake(PostTransport):
        async def post(self, url: str, **request: object) -> Answer:
            if isinstance(outcome, TransportError):
                raise outcome

            return outcome

    monkeypatch.setattr(demo, "PostTransport", Fake)
    payloads = read_payloads(SHIPPED)

    status = main(["demo"])

    captured = capsys.readouterr()
    assert status == 1
    assert counts(captured.out)["lost"] == len(payloads)
    told = [line for line in captured.err.splitlines() if says in line]
    assert [line.partition(":")[0] for line in told] == [p.file for p in payloads]


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the port, and the option that gives another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        for option in ("--receiver-port", "--endpoint-port"):
            assert main(["demo", option, port]) == 1
            captured = capsys.readouterr()
            assert captured.out == ""
            assert captured.err.startswith(f"Error: port {port} of 127.0.0.1 cannot be")
            assert captured.err.endswith(f"give another with {option}\n")
            assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is no directory: give one with payloads"),
        ("", "not JSON"),
        ("{", "not JSON"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, text: str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    folder = tmp_path / "payloads"

    if text is not None:
        folder.mkdir()
        (folder / "push.json").write_text(text, encoding="utf-8")

    assert main(["demo", str(folder)]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Error: {folder}")
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_a_server_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trio needs a server that runs on it."""
    monkeypatch.setattr("upcall.cli.servers.find_spec", lambda _: None)

    assert main(["demo", "--trio"]) == 1
    assert capsys.readouterr().err == (
        "Error: --trio needs trio and a server for it: pip install 'hypercorn[trio]'\n"
    )


def test_it_runs_as_a_command() -> None:
    """As a process of its own, with nothing on stderr but its progress."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "upcall.cli", "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    assert counts(done.stdout)["lost"] == 0
    first, *others = done.stderr.splitlines()
    assert first.startswith("receiver at http://127.0.0.1:")
    assert all(" events in, " in line for line in others)


IGNORING = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""Starts a command as a script starts what is to run in its background."""


@BACKENDS
@pytest.mark.parametrize(
    ("number", "starter", "says"),
    [
        (signal.SIGINT, [], "interrupted"),
        (signal.SIGTERM, [], "terminated"),
        (signal.SIGTERM, IGNORING, "terminated"),
    ],
    ids=["ctrl-c", "sigterm", "sigterm in a script's background"],
)
def test_a_signal_stops_it(
    number: signal.Signals,
    starter: list[str],
    says: str,
    options: list[str],
    tmp_path: Path,
) -> None:
    """In the middle: its status, one line, no traceback, and nothing left behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    payloads = tmp_path / "payloads"
    payloads.mkdir()
    command = [sys.executable, "-m", "upcall.cli", "demo", str(fill(payloads, 2000))]

    with subprocess.Popen(
        [*starter, *command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("receiver at http://127.0.0.1:")
        assert " of 2000 events in" in process.stderr.readline()
        assert list(temporary.iterdir())
        process.send_signal(number)
        out, told = process.communicate(timeout=50)

    lines = [line for line in told.splitlines() if " events in, " not in line]
    assert (process.returncode, out) == (128 + number, "")
    assert lines == [f"upcall: {says}"]
    assert not list(temporary.iterdir())
