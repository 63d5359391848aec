"""Running: which benchmarks there are, and each in a process of its own."""

# A benchmark is a module or a package here that gives `run(quick)`. None inherits what
# another one has imported, allocated or left behind.

from __future__ import annotations

__all__ = ("BENCHMARKS", "measure")

import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report.machine import this_machine, this_revision
from benchmarks.report.record import Measured
from benchmarks.results import Figure, Result, skipped

HERE = Path(__file__).parent
SIGN = "\ndef run(quick: bool)"


def _benchmarks() -> Iterator[str]:
    for path in (*HERE.glob("*.py"), *HERE.glob("*/__init__.py")):
        if SIGN in path.read_text(encoding="utf-8"):
            yield path.parent.name if path.name == "__init__.py" else path.stem


BENCHMARKS = tuple(sorted(_benchmarks()))
"""The names of all."""


def measure(name: str, *, quick: bool) -> Measured:
    """Run one in a new process.

    Raises:
        BrokenProcessPool: if that process died.
        Exception: what the benchmark raised.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    start = time.perf_counter()
    fresh = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        found = process.submit(_found, name, quick=quick).result()

    return Measured(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - start, 1),
        load=round(load, 2),
        quick=quick,
        revision=this_revision(),
        machine=this_machine(),
        found=tuple(found),
    )


def _found(name: str, *, quick: bool) -> Sequence[Result | Figure]:
    """Run it here; a library that is not installed skips it, with the reason."""
    try:
        module: Any = importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]

        if missing in {"", "upcall", "benchmarks"}:
            raise

        return [skipped(name, f"needs {missing}, which is not installed")]

    found: Sequence[Result | Figure] = module.run(quick)
    return found
