"""`upcall listen` as a command: what it prints, how it ends, and wrong options."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from upcall.cli.__main__ import main
from upcall.webhooks import new_secret

SECRET = new_secret()

on_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="there are no such signals on Windows"
)


@contextmanager
def running(
    *options: str, before: str = "", output: int = subprocess.PIPE
) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Run the command, and give its URL."""
    code = f"import sys\nfrom upcall.cli.__main__ import main\n{before}\n"
    code += "sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "listen", "--port", "0", *options],
        env={**os.environ, "UPCALL_SECRET": f"{new_secret()}\n{SECRET}\n"},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    )

    try:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 50)[0]
        said = process.stderr.readline()
        assert said.startswith("listening on http://"), said
        yield said.split()[2], process
    finally:
        process.kill()
        process.communicate(timeout=20)


def ended(process: subprocess.Popen[str], by: signal.Signals) -> tuple[str, str]:
    """Send a signal, and return what was printed."""
    process.send_signal(by)
    return process.communicate(timeout=50)


@on_posix
def test_send_and_listen_understand_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two commands, one secret in the environment; SIGTERM ends it in order."""
    monkeypatch.setenv("UPCALL_SECRET", SECRET)
    file = tmp_path / "order.json"
    file.write_text('{"order_id": 1}')
    failing = ("--fail", "503", "--times", "1")

    with running("--scheme", "standard", *failing) as (url, process):
        send = ["send", f"{url}/hooks", str(file), "--type", "order.paid", "--id", "m1"]
        assert [main(send), main(send)] == [1, 0]
        assert main([*send, "--bad-signature"]) == 1
        output, errors = ended(process, signal.SIGTERM)

    lines = [line.split("  ", 1)[1] for line in output.splitlines()]
    assert lines[:2] == [
        "POST  /hooks  verified  order.paid  m1  83 B  -> 503",
        "POST  /hooks  verified  order.paid  m1  83 B  -> 204",
    ]
    assert lines[2].endswith("-> 401")
    assert (process.returncode, errors) == (143, "upcall: terminated\n")
    assert "401 Unauthorized" in capsys.readouterr().out


@on_posix
def test_ctrl_c_ends_it_though_an_answer_waits() -> None:
    """The one who waits gets 503; JSON is one object on each line."""
    with running("--delay", "3600", "--json") as (url, process):
        port = int(url.rpartition(":")[2])

        with socket.create_connection(("127.0.0.1", port), timeout=50) as sender:
            sender.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n")
            sender.sendall(b"Content-Length: 2\r\n\r\n")
            assert sender.recv(1000).startswith(b"HTTP/1.1 100")
            sender.sendall(b"{}")
            output, errors = ended(process, signal.SIGINT)
            answer = sender.recv(1000)

    assert answer.startswith(b"HTTP/1.1 503")
    assert (process.returncode, errors) == (130, "upcall: interrupted\n")
    assert [json.loads(line)["status"] for line in output.splitlines()] == [503]


@on_posix
def test_a_sender_that_says_nothing_is_cut_off() -> None:
    """So is one whose head never ends; the next one is served."""
    before = "from upcall.cli import listening\nlistening.SECONDS = 0.2"

    with running(before=before) as (url, process):
        door = ("127.0.0.1", int(url.rpartition(":")[2]))

        for start in (b"", b"POST / HTTP/1.1\r\nX-A: "):
            with socket.create_connection(door, timeout=50) as sender:
                sender.sendall(start)
                assert sender.recv(1000) == b""

        with socket.create_connection(door, timeout=50) as sender:
            sender.sendall(b"X" * 100_000)
            assert sender.recv(1000).startswith(b"HTTP/1.1 400")

        _, errors = ended(process, signal.SIGTERM)

    assert errors == "Invalid HTTP request received.\nupcall: terminated\n"


@on_posix
def test_it_ends_when_nobody_reads() -> None:
    """As every command does, without a word, and with status 1."""
    reader, writer = os.pipe()

    with running(output=writer) as (url, process):
        os.close(writer)
        os.close(reader)
        door = ("127.0.0.1", int(url.rpartition(":")[2]))

        with socket.create_connection(door, timeout=50) as sender:
            sender.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sender.recv(1000).startswith(b"HTTP/1.1 405")

        _, errors = process.communicate(timeout=50)

    assert (process.returncode, errors) == (1, "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--times", "2"], "need --fail"),
        (["--retry-after", "0"], "need --fail"),
        (["--fail", "200"], "--fail"),
        (["--path", "hooks"], "begins with a slash"),
        (["--secret", "x"], "--secret needs --scheme"),
        (["--scheme", "github"], "set UPCALL_SECRET"),
        (["--scheme", "standard", "--secret", "hush!"], "secret 1 is not whsec_"),
        (["--forward", "ftp://example.com"], "--forward"),
        (["--url", "tunnel"], "--url"),
    ],
)
def test_wrong_options_are_told(
    options: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With status 2, before anything listens, and without the secret."""
    monkeypatch.delenv("UPCALL_SECRET", raising=False)

    assert main(["listen", *options]) == 2

    errors = capsys.readouterr().err
    assert says in errors
    assert "hush" not in errors


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["listen", "--port", str(port)]) == 1

    errors = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 cannot be had" in errors
    assert errors.count("\n") == 1
