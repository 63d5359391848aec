"""The commands about an outbox: what they print, and what they do."""

from __future__ import annotations

__all__ = ()

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.fernet import Fernet
from tests.webhooks.bridges import make_bridge
from tests.webhooks.fakes import FakeTransport, make_endpoint, until

from upcall import Bus
from upcall.cli.__main__ import main
from upcall.webhooks import Guard, Outbox, new_secret
from upcall.webhooks._proto.answer import Answer

SECRET = new_secret()


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give an outbox with one delivery that was delivered, and one that is dead."""
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    monkeypatch.setenv("UPCALL_OUTBOX", url)
    anyio.run(fill, url)
    return url


async def fill(url: str) -> None:
    """Deliver to two endpoints; the second refuses, with a rude answer."""
    rude = Answer(status=500, body=b"no\x1b[31m!", address="192.0.2.1")
    transport = FakeTransport({"https://two.example/hooks": [rude]})

    async with (
        Bus() as bus,
        make_bridge(bus, Outbox(url), transport=transport, schedule=[0]) as bridge,
    ):
        await bridge.add(make_endpoint(secret=SECRET, headers={"x-key": "hidden"}))
        await bridge.add(make_endpoint("two", secret=SECRET, tenant="acme"))
        await bus.aemit("order.paid", 1, id="m1")
        await until(lambda: bridge.deliveries(state="delivered"), 1)
        await bridge.ping("two")
        await until(lambda: bridge.deliveries(state="dead"), 1)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run the command, and return what it printed."""
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    assert "hidden" not in captured.out + captured.err
    return captured.out if status == 0 else captured.out + captured.err


def records(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[Any]:
    """Run the command with --json, and return the objects."""
    return [
        json.loads(line)
        for line in told(capsys, *arguments, "--json").split("\n")
        if line
    ]


def test_endpoints_are_listed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a table, or as JSON; without secrets in either."""
    lines = told(capsys, "endpoints").split("\n")
    assert lines[0].split() == ["ID", "STATE", "TENANT", "URL", "EVENTS", "WHY"]
    assert lines[1].split() == [
        "one",
        "enabled",
        "-",
        "https://one.example/hooks",
        "**",
        "-",
    ]
    assert lines[2].split()[:3] == ["two", "failing", "acme"]

    one, two = records(capsys, "endpoints")
    assert one["secret"] == two["secret"] == "***"
    assert one["headers"] == {"x-key": "***"}
    assert two["tenant"] == "acme"


@pytest.mark.parametrize(
    ("command", "state"),
    [("pause", "paused"), ("disable", "disabled"), ("enable", "enabled")],
)
def test_endpoint_is_changed(
    url: str, capsys: pytest.CaptureFixture[str], command: str, state: str
) -> None:
    """And seen to be."""
    assert told(capsys, "endpoints", command, "one") == f"one: {state}\n"
    assert told(capsys, "endpoints").split("\n")[1].split()[1] == state


def test_endpoint_is_resumed_and_removed(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other."""
    told(capsys, "endpoints", "pause", "one")
    told(capsys, "endpoints", "resume", "one")
    assert told(capsys, "endpoints").split("\n")[1].split()[1] == "enabled"
    told(capsys, "endpoints", "remove", "one")
    assert [each["id"] for each in records(capsys, "endpoints")] == ["two"]


def test_rotation_prints_the_new_secret_and_nothing_else(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown nowhere else."""
    printed = told(capsys, "endpoints", "rotate", "one", "--overlap", "0").strip()

    assert printed.startswith("whsec_")
    assert len(printed.split()) == 1


def test_ping_waits_for_a_worker(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a delivery."""
    told(capsys, "endpoints", "ping", "one")

    (newest, *_) = records(capsys, "deliveries")
    assert (newest["event"], newest["state"]) == ("webhook.ping", "waiting")


def test_deliveries_are_listed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, or some."""
    lines = told(capsys, "deliveries").split("\n")
    assert lines[0].startswith("NUMBER")
    assert [line.split()[1] for line in lines[1:3]] == ["dead", "delivered"]

    (dead,) = records(capsys, "deliveries", "--state", "dead", "--endpoint", "two")
    assert dead["reason"].startswith("no attempt left of 1")
    assert records(capsys, "deliveries", "--tenant", "bolt") == []
    assert len(records(capsys, "deliveries", "--limit", "1")) == 1
    assert (
        records(capsys, "deliveries", "--before", str(dead["id"]))[0]["message"] == "m1"
    )


def test_attempts_are_shown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what the receiver said, without what a terminal would obey."""
    (dead,) = records(capsys, "deliveries", "--state", "dead")

    shown = told(capsys, "deliveries", str(dead["id"]))
    assert "500" in shown
    assert "192.0.2.1" in shown
    assert "\x1b" not in shown
    assert "no\N{REPLACEMENT CHARACTER}[31m!" in shown

    (attempt,) = records(capsys, "deliveries", str(dead["id"]))
    assert attempt["status"] == 500


def test_replay_by_number(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The new one is named."""
    (dead,) = records(capsys, "deliveries", "--state", "dead")

    printed = told(capsys, "replay", str(dead["id"]), "--new-id")

    (newest, *_) = records(capsys, "deliveries")
    assert printed == f"{dead['id']} is replayed as {newest['id']}\n"
    assert newest["message"] != dead["message"]


@pytest.mark.parametrize("since", ["2020-01-01", "2020-01-01T00:00:00+00:00"])
def test_replay_since(url: str, capsys: pytest.CaptureFixture[str], since: str) -> None:
    """What the endpoint did not get."""
    printed = told(capsys, "replay", "--endpoint", "two", "--since", since)

    assert printed == "two: 1 replayed\n"


def test_outbox_is_looked_after(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Migrated, checked, pruned."""
    assert told(capsys, "outbox", "migrate") == "the outbox is up to date (schema 2)\n"
    assert told(capsys, "outbox", "check") == "no fault was found\n"
    assert told(capsys, "outbox", "prune") == "2 messages were deleted\n"
    assert records(capsys, "deliveries") == []


def test_tables_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is nothing yet."""
    printed = told(
        capsys, "outbox", "migrate", "--outbox", f"sqlite:///{tmp_path}/new.db"
    )

    assert printed == "the tables were made (schema 2)\n"


def test_secrets_are_resealed(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first of the keys in the environment; the others are not needed then."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))

    for keys in (old, f"{new}, {old}"):
        monkeypatch.setenv("UPCALL_KEYS", keys)
        assert told(capsys, "outbox", "reseal").startswith("the secrets of 2 endpoints")

    monkeypatch.setenv("UPCALL_KEYS", new)
    assert len(records(capsys, "endpoints")) == 2
    monkeypatch.setenv("UPCALL_KEYS", old)
    assert "no key opens the secrets" in told(capsys, "endpoints", status=1)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["endpoints", "pause", "x"], 1, "no endpoint has the id 'x'"),
        (["deliveries", "99"], 1, "there is no delivery 99"),
        (["deliveries", "--outbox", "nonsense"], 1, "this is no database URL"),
        (["deliveries", "--outbox", "sqlite:////missing/x.db"], 1, "directory"),
        (["deliveries", "--state", "x"], 2, "'delivered'"),
        (["replay"], 2, "give numbers, or --endpoint and --since"),
        (["replay", "1", "--endpoint", "x"], 2, "give numbers, or --endpoint"),
        (["replay", "1"], 0, "is replayed as"),
        (["endpoints", "rotate", "--help"], 0, "--overlap"),
        (["worker", "--allow", "x"], 2, "x"),
        (["worker", "--outbox", "nonsense"], 1, "this is no database URL"),
        (["worker", "--slots", "0"], 2, "slots"),
    ],
)
def test_what_is_wrong_is_told(
    url: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    text: str,
) -> None:
    """In a line, with the status that a shell expects."""
    assert text in told(capsys, *arguments, status=status)


def test_outbox_has_to_be_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option or environment."""
    monkeypatch.delenv("UPCALL_OUTBOX", raising=False)

    assert "--outbox" in told(capsys, "deliveries", status=2)
    assert "--outbox" in told(capsys, "endpoints", "pause", "one", status=2)
    assert "--overlap" in told(capsys, "endpoints", "rotate", "--help")


@pytest.mark.parametrize("command", [["deliveries"], ["worker", "--no-migrate"]])
def test_who_looks_changes_no_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """It is said what to do."""
    url = f"sqlite:///{tmp_path}/new.db"

    assert "upcall outbox migrate" in told(capsys, *command, "--outbox", url, status=1)


# --- worker ---


class Receiver(BaseHTTPRequestHandler):
    """Takes what is posted."""

    arrived = threading.Event()

    def do_POST(self) -> None:
        """Take it."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        self.arrived.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    """Give the URL of a server that takes what is posted."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Receiver.arrived.clear()

    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


async def store(url: str, target: str) -> None:
    """Store an event for the receiver, and deliver nothing."""
    guard = Guard(allow=["127.0.0.0/8"], schemes={"http"}, ports=None)

    async with (
        Bus() as bus,
        make_bridge(bus, Outbox(url), guard=guard, deliver=False) as bridge,
    ):
        await bridge.add(make_endpoint(url=target))
        await bus.aemit("order.paid", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
@pytest.mark.parametrize("loop", [[], ["--trio"]])
def test_worker_delivers_until_it_is_told_to_stop(
    tmp_path: Path, receiver: str, loop: list[str]
) -> None:
    """In a process of its own, which ends in order."""
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    anyio.run(store, url, receiver)
    options = ["--outbox", url, "--allow", "127.0.0.0/8", "--http", *loop]

    process = subprocess.Popen(
        [sys.executable, "-m", "upcall.cli", "worker", *options],
        stderr=subprocess.PIPE,
        text=True,
    )

    try:
        assert Receiver.arrived.wait(50)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=50)
    finally:
        process.kill()
        process.wait(20)

    assert process.returncode == 0
    assert "delivering from" in errors
    assert "stopping" in errors
    assert "Traceback" not in errors
