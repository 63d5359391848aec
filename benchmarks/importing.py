"""What `import upcall` costs beyond importing anyio and attrs."""

from __future__ import annotations

__all__ = ("run",)

import os
import subprocess
import sys
import tempfile

from benchmarks.results import Result

LIMIT_MS = 30.0

# Both import the same first, so what differs is ours alone; the clock runs inside, as
# starting an interpreter costs more, and varies more, than what we look for.
TIMED = """
import anyio, attrs
from time import perf_counter
start = perf_counter()
import upcall
print(perf_counter() - start)
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
