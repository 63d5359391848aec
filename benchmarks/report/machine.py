"""Where something was measured: all that is needed to judge a figure later."""

from __future__ import annotations

__all__ = ("Machine", "this_machine", "this_revision")

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import attrs

ROOT = Path(__file__).parent.parent.parent
PROCESSORS = Path("/proc/cpuinfo")


@attrs.frozen(kw_only=True)
class Machine:
    """A machine, with the software that was measured on it."""

    processor: str
    cores: int
    """How many this process may use."""

    system: str
    python: str
    versions: Mapping[str, str]
    """Of every distribution that was installed."""


def this_machine() -> Machine:
    """Look at the machine we run on."""
    return Machine(
        processor=_processor(),
        cores=_cores(),
        system=platform.platform(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={
            found.metadata["Name"]: found.version
            for found in sorted(
                metadata.distributions(), key=lambda each: each.metadata["Name"].lower()
            )
        },
    )


def this_revision() -> str:
    """Return the commit that is measured, marked if it was changed; or nothing."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=, changed"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""

    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    """Return the model, where the system tells it; else the kind."""
    if PROCESSORS.exists():
        for line in PROCESSORS.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()

    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))

    return os.cpu_count() or 1
