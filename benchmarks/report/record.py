"""The record: what each benchmark found, when and where. All else is made of it."""

# Rule 1: each benchmark has a date, a revision and a machine of its own, so that one
#   can be measured again without the others, and nobody takes it for one run.
# Rule 2: the file says all; tables and plots are made of it and of nothing else.

from __future__ import annotations

__all__ = ("Measured", "Record", "read", "write")

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
from benchmarks.report.machine import Machine
from benchmarks.results import Figure, Result


@attrs.frozen(kw_only=True)
class Measured:
    """What one benchmark found in one run."""

    date: str
    """When it ended, in ISO 8601 and UTC."""

    seconds: float
    """How long it took."""

    load: float
    """How many processes wanted a processor when it began: the machine's noise."""

    quick: bool
    """Whether it was the quick form, whose figures mean little."""

    revision: str
    machine: Machine
    found: tuple[Result | Figure, ...]

    @property
    def results(self) -> list[Result]:
        """Return what may have a limit."""
        return [each for each in self.found if isinstance(each, Result)]

    @property
    def figures(self) -> list[Figure]:
        """Return what stands in a table that compares."""
        return [each for each in self.found if isinstance(each, Figure)]


Record: TypeAlias = Mapping[str, Measured]
"""By the name of the benchmark, in the order of the report."""


def write(record: Record, path: Path) -> None:
    """Write a record; the same one gives the same bytes."""
    machines = _machines(record.values())
    data = {
        "machines": [attrs.asdict(machine) for machine in machines],
        "benchmarks": {
            name: _as_data(measured, machines) for name, measured in record.items()
        },
    }
    text = json.dumps(data, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Measured]:
    """Read a record."""
    data = json.loads(path.read_text(encoding="utf-8"))
    machines = [Machine(**each) for each in data["machines"]]
    return {
        name: _from_data(each, machines) for name, each in data["benchmarks"].items()
    }


def _machines(measured: Iterable[Measured]) -> list[Machine]:
    """Return each machine once: mostly there is only one."""
    found: list[Machine] = []

    for each in measured:
        if each.machine not in found:
            found.append(each.machine)

    return found


def _as_data(measured: Measured, machines: list[Machine]) -> dict[str, Any]:
    return {
        "date": measured.date,
        "seconds": measured.seconds,
        "load": measured.load,
        "quick": measured.quick,
        "revision": measured.revision,
        "machine": machines.index(measured.machine),
        "results": [
            {**attrs.asdict(each), "verdict": each.verdict} for each in measured.results
        ],
        "figures": [attrs.asdict(each) for each in measured.figures],
    }


def _from_data(data: dict[str, Any], machines: list[Machine]) -> Measured:
    for each in data["results"]:
        del each["verdict"]  # it follows from the rest

    found = (
        *(Result(**each) for each in data.pop("results")),
        *(Figure(**each) for each in data.pop("figures")),
    )
    return Measured(**data | {"machine": machines[data["machine"]], "found": found})
