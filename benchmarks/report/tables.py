"""The tables: limits, all figures with their notes, what compares, and the machine."""

from __future__ import annotations

__all__ = ("parts", "terminal")

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.report.amounts import amount, judged, limit
from benchmarks.report.compared import comparisons
from benchmarks.report.limits import Answer, answers, others
from benchmarks.report.machine import Machine
from benchmarks.report.markdown import heading, table
from benchmarks.report.record import Measured, Record
from benchmarks.results import Result, Verdict

JUDGED = {
    Verdict.MET: "met",
    Verdict.NOT_MET: "**not met**",
    Verdict.SHOWN: "",
    Verdict.SKIPPED: "not measured",
}
FEW = 4
NAMED = (
    *("upcall", "anyio", "attrs", "trio", "uvloop", "SQLAlchemy", "psycopg"),
    *("httptools", "msgspec", "cryptography", "aiohttp", "uvicorn"),
)
"""Whose versions the page tells; the record has all."""


def parts(record: Record) -> dict[str, str]:
    """Make each table, by the name of its file."""
    return {
        "limits": _limits(record),
        "further-limits": _further(record),
        "figures": _figures(record),
        "machine": _machine(record),
        **comparisons(record),
    }


def terminal(record: Record) -> str:
    """Make what the command prints: every result, and the tables that compare."""
    results = [result for each in record.values() for result in each.results]
    compared = comparisons(record)
    compared.pop("styles-all", None)  # they fill many screens
    return "\n\n".join([_columns(results), *compared.values()])


# --- limits ---


def _limits(record: Record) -> str:
    header = ("what", "", "measured", "limit")
    return table(header, map(_answer, answers(record)), left=4)


def _answer(answer: Answer) -> tuple[str, str, str, str]:
    measured = [
        _labelled(part.label, _all_of(results) or "not measured")
        for part, results in answer.parts
    ]
    return (
        answer.line.what,
        JUDGED[answer.verdict],
        "; ".join(measured),
        _limits_of(answer),
    )


def _all_of(results: Sequence[Result]) -> str:
    """Write all figures; of many that are within their limits, the range."""
    if len(results) > FEW and all(each.verdict is Verdict.MET for each in results):
        ends = min(results, key=_ratio), max(results, key=_ratio)
        return " to ".join(map(judged, ends))

    return ", ".join(map(judged, results))


def _ratio(result: Result) -> float:
    return result.ratio or 0.0


def _limits_of(answer: Answer) -> str:
    """Write each limit once: for all parts, if they have the same."""
    texts = [
        (part.label, _joined(results)) for part, results in answer.parts if results
    ]
    different = {text for _, text in texts}

    if len(different) == 1:
        return different.pop()

    return "; ".join(_labelled(label, text) for label, text in texts)


def _joined(results: Sequence[Result]) -> str:
    """Write the limits of some results: one for all, or one for each."""
    first, *following = dict.fromkeys(map(limit, results))

    if not following:
        return first

    return ", ".join([first, *(f"{each.limit:g}" for each in results[1:])])


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text}" if label else text


def _further(record: Record) -> str:
    return _results(others(record))


# --- all figures ---


def _figures(record: Record) -> str:
    return "\n".join(
        f"{heading(name)}\n\n{_results(measured.results)}"
        for name, measured in record.items()
        if measured.results
    )


def _results(results: Iterable[Result]) -> str:
    header = ("what", "measured", "limit", "", "note")
    rows = (
        (each.name, judged(each), limit(each), JUDGED[each.verdict], each.note)
        for each in results
    )
    return table(header, rows, left=5)


# --- where ---


def _machine(record: Record) -> str:
    machines: list[Machine] = []

    for measured in record.values():
        if measured.machine not in machines:
            machines.append(measured.machine)

    rows = (_run(name, each, machines) for name, each in record.items())
    header = ("benchmark", "date (UTC)", "took", "load before", "revision", "on")
    where = "\n".join(
        f"{place}. {_described(each)}" for place, each in enumerate(machines, 1)
    )
    minutes = sum(each.seconds for each in record.values()) / 60
    whole = f"All in all it took {minutes:.0f} minutes."
    return f"{where}\n\n{table(header, rows, left=6)}\n{whole}\n"


def _described(machine: Machine) -> str:
    software = ", ".join(
        f"{name} {machine.versions[name]}" for name in NAMED if name in machine.versions
    )
    return (
        f"{machine.processor}, {machine.cores} processors; {machine.system}; "
        f"{machine.python}; {software}."
    )


def _run(
    name: str, measured: Measured, machines: Sequence[Machine]
) -> tuple[str, str, str, str, str, str]:
    return (
        name,
        measured.date.removesuffix("+00:00").replace("T", " "),
        amount(measured.seconds, "s"),
        f"{measured.load:g}",
        "quick form" if measured.quick else measured.revision,
        f"{machines.index(measured.machine) + 1}",
    )


# --- the terminal ---


def _columns(results: Iterable[Result]) -> str:
    rows = [("what", "measured", "limit", "", "note"), *_rows(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{what:<{widths[0]}}  {figure:>{widths[1]}}  {side:>{widths[2]}}  "
        f"{verdict:<{widths[3]}}  {note}".rstrip()
        for what, figure, side, verdict, note in rows
    )


def _rows(results: Iterable[Result]) -> Iterator[tuple[str, str, str, str, str]]:
    for each in results:
        figure = amount(each.ratio, each.unit)
        yield each.name, figure, limit(each), each.verdict, each.note
