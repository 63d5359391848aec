"""What `import upcall` costs beyond importing anyio and attrs."""

from __future__ import annotations

__all__ = ("run",)

import os
import subprocess
import sys
import tempfile

from benchmarks.results import Result

LIMIT_MS = 30.0

# anyio and attrs are there already when the clock starts, so what it tells is ours
# alone. It runs inside, as starting an interpreter costs more than what we look for,
# and counts processor time, as a busy machine would double any other.
TIMED = """
import anyio, attrs
from time import thread_time
start = thread_time()
import upcall
print(thread_time() - start)
"""


def run(quick: bool) -> list[Result]:
    """Take the best of many fresh interpreters."""
    with tempfile.TemporaryDirectory() as compiled:
        _milliseconds(compiled)
        times = sorted(_milliseconds(compiled) for _ in range(3 if quick else 20))

    note = f"best of {len(times)} interpreters; median {times[len(times) // 2]:.1f} ms"
    name = "import upcall, beyond anyio and attrs"
    return [Result(name, times[0], LIMIT_MS, note=note, unit="ms")]


def _milliseconds(compiled: str) -> float:
    """Time one import; the bytecode is kept, as it is where a package is installed."""
    done = subprocess.run(
        [sys.executable, "-X", f"pycache_prefix={compiled}", "-c", TIMED],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    return float(done.stdout) * 1000
