"""`upcall send`: what is posted, what is printed, and which status that makes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from upcall.cli.__main__ import main
from upcall.webhooks import new_secret, scheme

SECRET = new_secret()


class Receiver(ThreadingHTTPServer):
    """Keeps what comes, and answers as it is told."""

    daemon_threads = True
    status = 202
    failures = 0
    headers: tuple[tuple[str, str], ...] = ()
    body = b""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append((self.path, headers, body))
        failing = len(self.server.got) <= self.server.failures
        self.send_response(503 if failing else self.server.status)

        for header in self.server.headers:
            self.send_header(*header)

        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Generator[Receiver]:
    """Give a receiver on this machine, and the secret in the environment."""
    monkeypatch.setenv("UPCALL_SECRET", SECRET)

    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(20)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Give a payload."""
    path = tmp_path / "order.json"
    path.write_bytes(b'{"order_id": 1}\n')
    return str(path)


def test_a_payload_with_a_type_is_a_standard_webhook(
    receiver: Receiver, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed with the secret of the environment; the answer is one line."""
    assert main(["send", receiver.url, file, "--type", "order.paid"]) == 0

    _, headers, body = receiver.got[0]
    content = json.loads(body)
    verified = scheme("standard", SECRET).verify(
        headers, body, now=float(headers["webhook-timestamp"])
    )
    assert (content["type"], content["data"]) == ("order.paid", {"order_id": 1})
    assert verified.id
    assert capsys.readouterr().out.startswith("202 Accepted  ")


def test_without_a_type_the_file_is_sent_as_it_is(
    receiver: Receiver, file: str
) -> None:
    """To the byte."""
    assert main(["send", receiver.url, file]) == 0
    assert receiver.got[0][2] == Path(file).read_bytes()
    assert "upcall-event" not in receiver.got[0][1]


def test_github_is_told_the_type_in_its_header(receiver: Receiver, file: str) -> None:
    """Its receivers look there, and the body is the payload alone."""
    options = ["--scheme", "github", "--secret", "hush", "--type", "push", "--id", "g1"]
    assert main(["send", receiver.url, file, *options]) == 0

    _, headers, body = receiver.got[0]
    assert headers["x-github-event"] == "push"
    assert headers["x-github-delivery"] == "g1"
    assert body == Path(file).read_bytes()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], True),
        (["--type", "push"], False),
        (["--header", "x-github-event: push"], False),
    ],
)
def test_a_missing_type_is_told(
    receiver: Receiver,
    file: str,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    told: bool,
) -> None:
    """It is sent as asked for; only, GitHub's receivers look for it in a header."""
    options = ["--scheme", "github", "--secret", "hush", *more]

    assert main(["send", receiver.url, file, *options]) == 0
    assert ("no X-GitHub-Event" in capsys.readouterr().err) is told


def test_cloudevents_are_made_of_it(receiver: Receiver, file: str) -> None:
    """In one JSON object, or with the attributes in headers."""
    options = ["--type", "order.paid", "--id", "m1", "--source", "/shop"]

    for format_ in ("cloudevents", "cloudevents-binary"):
        assert main(["send", receiver.url, file, *options, "--format", format_]) == 0

    (_, _, structured), (_, headers, binary) = receiver.got
    event = json.loads(structured)
    assert (event["id"], event["source"], event["data"]) == (
        "m1",
        "/shop",
        {"order_id": 1},
    )
    assert (headers["ce-type"], headers["ce-source"]) == ("order.paid", "/shop")
    assert binary == Path(file).read_bytes()


def test_times_are_retries(receiver: Receiver, file: str) -> None:
    """All under one id; a single bad answer makes the status 1."""
    assert main(["send", receiver.url, file, "--times", "3"]) == 0
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 3

    receiver.failures = 4
    assert main(["send", receiver.url, file, "--times", "2"]) == 1


@pytest.mark.parametrize(
    ("given", "wanted"), [("1700000000", 1_700_000_000), ("-600", -600), ("+600", 600)]
)
def test_any_time_can_be_signed(
    given: str, wanted: int, receiver: Receiver, file: str
) -> None:
    """In Unix seconds, or with a sign from now on."""
    main(["send", receiver.url, file])
    assert main(["send", receiver.url, file, "--timestamp", given]) == 0

    now, then = (int(headers["webhook-timestamp"]) for _, headers, _ in receiver.got)
    expected = wanted if given.isdigit() else now + wanted
    assert abs(then - expected) < 60


def test_headers_are_added_or_replaced(receiver: Receiver, file: str) -> None:
    """Those on the command line are the stronger ones."""
    options = ["--header", "X-A: b:c", "--header", "content-type:text/plain"]
    assert main(["send", receiver.url, file, *options, "--scheme", "none"]) == 0

    _, headers, _ = receiver.got[0]
    assert (headers["x-a"], headers["content-type"]) == ("b:c", "text/plain")
    assert "webhook-signature" not in headers


def test_a_payload_comes_from_stdin(receiver: Receiver) -> None:
    """As the file named -."""
    done = subprocess.run(
        [sys.executable, "-m", "upcall.cli", "send", receiver.url, "-"],
        input=b"\x00\xff",
        capture_output=True,
        check=False,
        timeout=50,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert receiver.got[0][2] == b"\x00\xff"


@pytest.mark.parametrize("status", [302, 400, 500, 599])
def test_what_is_not_2xx_is_status_1(
    status: int, receiver: Receiver, file: str
) -> None:
    """Redirects too: nobody follows them."""
    receiver.status = status
    receiver.headers = (("Location", f"{receiver.url}/other"),)

    assert main(["send", receiver.url, file]) == 1
    assert [path for path, _, _ in receiver.got] == ["/hooks"]


def test_the_first_lines_of_the_answer_are_printed(
    receiver: Receiver, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And where a redirect would lead; nothing that a terminal would obey."""
    receiver.status = 302
    receiver.headers = (("Location", "http://elsewhere.example/"),)
    receiver.body = b"no\x1b[31m\n" + b"line\n" * 50

    main(["send", receiver.url, file])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "  a redirect, which is not followed: http://elsewhere.example/"
    )
    assert lines[2] == "  no\N{REPLACEMENT CHARACTER}[31m"
    assert lines[3:] == ["  line"] * 9 + ["  ..."]


def test_no_answer_is_one_line(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And status 1."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]

    url = f"http://localhost:{port}/"
    assert main(["send", url, file, "--scheme", "none"]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("upcall: no answer (connect: ")
    assert captured.err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal on Windows")
def test_sigterm_ends_it(file: str) -> None:
    """While it waits for an answer that does not come."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(50)
        url = f"http://127.0.0.1:{door.getsockname()[1]}/"
        process = subprocess.Popen(
            [sys.executable, "-m", "upcall.cli", "send", url, file],
            env={**os.environ, "UPCALL_SECRET": SECRET},
            stderr=subprocess.PIPE,
            text=True,
        )

        try:
            connection, _ = door.accept()

            with connection:
                process.send_signal(signal.SIGTERM)
                _, errors = process.communicate(timeout=25)
        finally:
            process.kill()
            process.communicate(timeout=20)

    assert (process.returncode, errors) == (143, "upcall: terminated\n")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--format", "standard"], "--format standard needs --type"),
        (["--scheme", "none", "--bad-signature"], "needs a scheme that signs"),
        (["--scheme", "github"], "set UPCALL_SECRET"),
        (["--secret", "hush!"], "secret 1 is not whsec_"),
        (["--secret", "whpk_" + "A" * 43], "a public key (whpk_) can only verify"),
        (["--id", "a.b", "--bad-signature"], "cannot be the id of a message"),
        (["--timestamp", "now"], "is no time"),
        (["--timestamp", "-99999999999", "--bad-signature"], "is no time"),
        (["--header", "X-A"], "give 'Name: value'"),
        (["--header", "Host: hush!"], "is set by the transport"),
        (["--times", "0"], "--times"),
    ],
)
def test_wrong_options_are_told(
    options: list[str],
    says: str,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With status 2, before anything is sent, and without the secret."""
    monkeypatch.delenv("UPCALL_SECRET", raising=False)

    assert main(["send", "http://127.0.0.1:9/", file, *options]) == 2

    errors = capsys.readouterr().err
    assert says in errors
    assert "hush" not in errors


@pytest.mark.parametrize("url", ["ftp://example.com/", "nowhere", "http://a.b/ c"])
def test_a_url_that_is_none_is_told(
    url: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is sent."""
    assert main(["send", url, file, "--scheme", "none"]) == 2
    assert "Invalid value for URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{", "it is not JSON"), (b" " * (25 * 2**20 + 1), "no receiver takes that")],
)
def test_a_payload_that_is_none_is_told(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrapped into JSON has to be JSON."""
    path = tmp_path / "payload"
    path.write_bytes(content)
    options = ["--type", "a", "--secret", SECRET]

    assert main(["send", "http://127.0.0.1:9/", str(path), *options]) == 2
    assert says in capsys.readouterr().err
