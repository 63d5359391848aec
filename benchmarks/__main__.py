"""The command that runs the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

__all__ = ("main",)

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.report.limits import answers
from benchmarks.report.pages import DOCS, RESULTS, written
from benchmarks.report.record import Measured, Record, read, write
from benchmarks.report.tables import terminal
from benchmarks.results import Verdict
from benchmarks.running import BENCHMARKS, measure


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or read, print, write what was asked for, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)

    record = _measured(options) if options.read is None else read(options.read)
    print(terminal(record))

    if any(measured.quick for measured in record.values()):
        print("\nquick form: it shows that the benchmarks run; the figures mean little")

    if options.into is not None:
        # What was not measured again stays as it was, with its own date and machine.
        for missing in written(_merged(options.into, record), options.into):
            print(f"not written: {missing}", file=sys.stderr)

    complaints = list(_complaints(record))
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints and options.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Upcall, as ratios, and say which limits are met.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"which ones, all by default: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--quick", action="store_true", help="short and rough")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 if a limit is not met"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all there too")
    parser.add_argument(
        "--from",
        dest="read",
        type=Path,
        metavar="FILE",
        help="measure nothing: take what --json or --docs wrote",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIRECTORY",
        help="write the results, tables and plots there; others' results stay",
    )
    parser.add_argument(
        "--docs",
        dest="into",
        action="store_const",
        const=DOCS,
        help="write them where the docs show them; not in quick form",
    )
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    unknown = sorted(set(options.names) - set(BENCHMARKS))

    if unknown:
        parser.error(
            f"no benchmark is called {unknown[0]!r}; there are {', '.join(BENCHMARKS)}"
        )

    if options.read is not None and (options.names or options.quick):
        parser.error("--from measures nothing: give it without names and --quick")

    if options.into != DOCS:
        return

    if options.quick or (
        options.read is not None
        and any(measured.quick for measured in read(options.read).values())
    ):
        parser.error("the figures of the quick form mean little: not into the docs")


def _measured(options: argparse.Namespace) -> dict[str, Measured]:
    """Measure one after the other; what was measured is on disk before the next."""
    record: dict[str, Measured] = {}

    for name in options.names or BENCHMARKS:
        record[name] = measure(name, quick=options.quick)
        print(f"{name}: {record[name].seconds:.1f} s", file=sys.stderr)

        if options.json is not None:
            write(record, options.json)

    return record


def _merged(directory: Path, record: Record) -> Record:
    """Add what was measured before, of benchmarks that are still there."""
    path = directory / RESULTS
    merged = (read(path) if path.exists() else {}) | dict(record)
    return {name: merged[name] for name in BENCHMARKS if name in merged}


def _complaints(record: Record) -> Iterator[str]:
    """Say which limits are not met, and which lines a whole record leaves open."""
    for measured in record.values():
        for result in measured.results:
            if result.verdict is Verdict.NOT_MET:
                yield f"NOT MET: {result.name}"

    whole = set(record) >= set(BENCHMARKS)

    for answer in answers(record) if whole else ():
        for part, results in answer.parts:
            if not results:
                yield f"NO FIGURE: {answer.line.what} {part.label}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
