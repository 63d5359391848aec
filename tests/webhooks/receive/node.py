"""The senders' libraries for Node, where Node is there and npm can have them."""

# Rule 1: what cannot be had, or takes too long on this machine or this network, fails
#   no test: it is skipped, and says why. All of it together has to take less than what
#   pytest takes for a hang.

from __future__ import annotations

__all__ = ("Judge", "install")

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

HERE = Path(__file__).with_name("npm")
FILES = ("package.json", "package-lock.json", "judge.mjs")
OLDEST = 20
INSTALL_SECONDS = 80
ASK_SECONDS = 30
INSTALL = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--prefer-offline",
    "--fetch-retries=0",
    "--fetch-timeout=20000",
)


@attrs.frozen
class Judge:
    """Signs and verifies as the senders do."""

    node: str
    folder: Path

    def ask(self, questions: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
        """Return the answers; all by one process, for each takes a while to start."""
        command = [self.node, str(self.folder / "judge.mjs")]
        done = _run(command, ASK_SECONDS, input=json.dumps(questions))
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers


def install(folder: Path) -> Judge:
    """Install the libraries into a folder, or skip the test."""
    node, npm = shutil.which("node"), shutil.which("npm")

    if node is None or npm is None:
        pytest.skip("node or npm is not installed")

    version = _run([node, "--version"], ASK_SECONDS).stdout.strip()

    if int(version.lstrip("v").partition(".")[0] or 0) < OLDEST:
        pytest.skip(f"node {version} is too old for the senders' libraries")

    for name in FILES:
        shutil.copy(HERE / name, folder)

    done = _run([npm, *INSTALL], INSTALL_SECONDS, cwd=folder)

    if done.returncode != 0:
        pytest.skip(f"npm could not install: {done.stderr.strip()[-300:]}")

    return Judge(node, folder)


def _run(
    command: list[str], seconds: float, **options: Any
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
            **options,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{Path(command[0]).name} took more than {seconds} seconds")
