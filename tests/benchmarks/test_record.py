"""The record of what was measured: a file that says all and changes nothing."""

from __future__ import annotations

__all__ = ()

import json
from pathlib import Path

import attrs
from benchmarks.report.record import read, write
from benchmarks.results import Result, skipped
from tests.benchmarks.made import MACHINE, make_figure, make_record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Results, figures, dates and machines."""
    other = attrs.evolve(MACHINE, cores=64)
    record = make_record(
        emit=[Result("it", 1.25, 1.5, "lower", "a note"), skipped("that", "absent")],
        rivals=[make_figure("pyee", "emit to 1", 2.5), make_figure("x", "y", None)],
    )
    record["rivals"] = attrs.evolve(record["rivals"], machine=other, quick=True)

    write(record, tmp_path / "results.json")

    assert read(tmp_path / "results.json") == record
    assert list(read(tmp_path / "results.json")) == ["emit", "rivals"]


def test_a_record_names_each_machine_once_and_tells_the_verdicts(
    tmp_path: Path,
) -> None:
    """The versions are long, and whoever reads the file wants to know what is met."""
    record = make_record(emit=[Result("it", 2.0, 1.5)], aemit=[Result("it", 1.0, 1.5)])

    write(record, tmp_path / "results.json")

    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(data["machines"]) == 1
    verdicts = [each["results"][0]["verdict"] for each in data["benchmarks"].values()]
    assert verdicts == ["NOT MET", "met"]
