"""The page for receivers: what it shows in other languages verifies what we send.

Each program is run where there is an interpreter for it. (Go is not among them: to
compile it takes too long.)
"""

from __future__ import annotations

__all__ = ()

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from upcall.webhooks import new_secret, scheme

PAGE: Final = Path(__file__).parent.parent / "docs" / "how-to" / "for-receivers.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
BODY: Final = '{"type":"order.paid","data":{"name":"Zoë","note":"a\\nb"}}'

COMMANDS: Final = {
    "python": [sys.executable, "-"],
    "javascript": ["node", "-"],
    "ruby": ["ruby", "-"],
    "php": ["php", "--"],
}
"""How a program that comes by standard input is run, with an argument."""

CALLS: Final = {
    "python": """
import json, sys
given = json.loads(sys.argv[1])
print(is_genuine(given[0], given[1].encode(), given[2]))
""",
    "javascript": """
const given = JSON.parse(process.argv[2]);
console.log(isGenuine(given[0], Buffer.from(given[1]), given[2]));
""",
    "ruby": """
require "json"
puts genuine?(*JSON.parse(ARGV[0]))
""",
    "php": """
echo is_genuine(...json_decode($argv[1], true)) ? "true" : "false";
""",
}
"""What is put behind a program, to call its function."""


def program(language: str) -> str:
    """Return the last program of the page in a language."""
    fence = rf"^```{language}\n(.*?)^```$"
    *_, last = re.finditer(fence, TEXT, re.DOTALL | re.MULTILINE)
    return last[1]


def is_genuine(language: str, headers: dict[str, str], body: str, secret: str) -> bool:
    """Ask the program of the page."""
    command = COMMANDS[language]

    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")

    done = subprocess.run(
        [*command, json.dumps([headers, body, secret])],
        input=program(language) + CALLS[language],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {"true": True, "false": False}[done.stdout.strip().lower()]


@pytest.mark.parametrize("language", COMMANDS)
def test_each_program_takes_what_is_genuine_and_nothing_else(language: str) -> None:
    """A sender changes its secret; a stranger changes a letter, or comes late."""
    now = time.time()
    old, new = new_secret(), new_secret()
    both = scheme("standard", [new, old])
    headers = both.sign(BODY.encode(), id="msg_1", timestamp=now)
    stale = both.sign(BODY.encode(), id="msg_1", timestamp=now - 3600)

    assert is_genuine(language, headers, BODY, old)
    assert is_genuine(language, headers, BODY, new)
    assert not is_genuine(language, headers, BODY, new_secret())
    assert not is_genuine(language, headers, BODY.replace("paid", "free"), new)
    assert not is_genuine(language, {**headers, "webhook-id": "msg_2"}, BODY, new)
    assert not is_genuine(language, stale, BODY, new)
    assert not is_genuine(language, {}, BODY, new)


def test_the_lines_for_a_shell_print_the_signature(tmp_path: Path) -> None:
    """Somebody compares by eye."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")

    secret = new_secret()
    headers = scheme("standard", secret).sign(BODY.encode(), id="m", timestamp=1)
    saved = tmp_path / "body"
    saved.write_text(BODY, encoding="utf-8")

    done = subprocess.run(
        ["sh", "-c", program("sh")],
        env={
            **os.environ,
            "ID": "m",
            "SENT": "1",
            "SECRET": secret,
            "BODY": str(saved),
        },
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert f"v1,{done.stdout.strip()}" == headers["webhook-signature"]
