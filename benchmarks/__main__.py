"""The command that runs the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

__all__ = ("main",)

import argparse
import importlib
import json
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
from benchmarks.results import Result, Verdict, skipped

MACHINERY = {"__main__", "callbacks", "measure", "results", "serving"}
MODULES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem not in MACHINERY
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, print one table, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(MODULES))

    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {MODULES}")

    found: list[Result] = []

    for name in options.names or MODULES:
        start = time.perf_counter()
        found += _measured(name, quick=options.quick)
        seconds = time.perf_counter() - start
        print(f"{name}: {seconds:.1f} s", file=sys.stderr)

    print(_table(found))

    if options.quick:
        print("\nquick form: it shows that the benchmarks run; the figures mean little")

    if options.json is not None:
        text = json.dumps(_record(found, quick=options.quick), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")

    missed = any(result.verdict is Verdict.NOT_MET for result in found)
    return 1 if missed and options.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Upcall, as ratios, and say which limits are met.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"which ones, all by default: {', '.join(MODULES)}",
    )
    parser.add_argument("--quick", action="store_true", help="short and rough")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 if a limit is not met"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all there too")
    return parser


def _measured(name: str, *, quick: bool) -> Sequence[Result]:
    """Run one module; a library that is not installed skips it, with the reason."""
    try:
        module: Any = importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]

        if missing in {"", "upcall", "benchmarks"}:
            raise

        return [skipped(name, f"needs {missing}, which is not installed")]

    results: Sequence[Result] = module.run(quick)
    return results


def _table(results: Iterable[Result]) -> str:
    rows = [("what", "measured", "limit", "", "note"), *map(_row, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{what:<{widths[0]}}  {figure:>{widths[1]}}  {limit:>{widths[2]}}  "
        f"{verdict:<{widths[3]}}  {note}".rstrip()
        for what, figure, limit, verdict, note in rows
    )


def _row(result: Result) -> tuple[str, str, str, str, str]:
    side = "<=" if result.better == "lower" else ">="
    unit = "" if result.unit == "x" else f" {result.unit}"
    figure = "" if result.ratio is None else f"{result.ratio:.2f}{unit}"
    limit = "" if result.limit is None else f"{side} {result.limit:g}{unit}"
    return result.name, figure, limit, result.verdict, result.note


def _record(results: Iterable[Result], *, quick: bool) -> dict[str, object]:
    """Say all that is needed to judge the figures later, and the figures."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {
            found.metadata["Name"]: found.version
            for found in sorted(
                metadata.distributions(), key=lambda each: each.metadata["Name"].lower()
            )
        },
        "results": [
            {**attrs.asdict(result), "verdict": result.verdict} for result in results
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
