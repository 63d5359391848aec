"""The command: what it refuses, merges, complains of, and writes into the docs."""

from __future__ import annotations

__all__ = ()

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import attrs
import pytest
from benchmarks.__main__ import main
from benchmarks.report.pages import DOCS, RESULTS, written
from benchmarks.report.record import read, write
from benchmarks.results import Result
from tests.benchmarks.made import make_figure, make_record

FILES = sorted(DOCS.glob("*.*"))
MADE_BY = re.compile(r"Matplotlib v([\w.]+)")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--docs", "--quick"],
        ["no-such-benchmark"],
        ["--from", "some.json", "emit"],
        ["--from", "some.json", "--quick"],
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything has been measured, with a word about it."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert "error:" in capsys.readouterr().err


def test_figures_of_the_quick_form_do_not_get_into_the_docs(tmp_path: Path) -> None:
    """Not by way of a file, either."""
    record = make_record(emit=[Result("it", 1.0, 1.5)])
    record["emit"] = attrs.evolve(record["emit"], quick=True)
    write(record, tmp_path / "quick.json")

    with pytest.raises(SystemExit, match="2"):
        main(["--from", f"{tmp_path / 'quick.json'}", "--docs"])


def test_a_limit_that_is_not_met_ends_the_check_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is named; without --check it is only named."""
    write(make_record(emit=[Result("it", 2.0, 1.5)]), tmp_path / "found.json")
    arguments = ["--from", f"{tmp_path / 'found.json'}"]

    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 1
    assert "NOT MET: it" in capsys.readouterr().err


def test_what_was_not_measured_again_stays_as_it_was(tmp_path: Path) -> None:
    """With its date; and what is no benchmark any more goes."""
    directory = tmp_path / "measured"
    old = make_record(emit=[Result("it", 1.0)], aemit=[Result("that", 1.0)], gone=[])
    new = make_record(emit=[Result("it", 3.0)])
    new["emit"] = attrs.evolve(new["emit"], date="2027-01-01T00:00:00+00:00")
    written(old, directory)
    write(new, tmp_path / "new.json")

    main(["--from", f"{tmp_path / 'new.json'}", "--into", f"{directory}"])

    assert read(directory / RESULTS) == {"aemit": old["aemit"], "emit": new["emit"]}


def test_a_table_that_is_made_no_more_is_removed(tmp_path: Path) -> None:
    """Else a page would go on showing it."""
    written(make_record(rivals=[make_figure("pyee", "emit to 1", 2.0)]), tmp_path)
    assert (tmp_path / "rivals.md").exists()

    written(make_record(emit=[Result("it", 1.0)]), tmp_path)

    assert not (tmp_path / "rivals.md").exists()


def test_the_docs_show_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    """Made again from the results, each file has the same bytes.

    The plots are compared where the same matplotlib is installed.
    """
    matplotlib = _version("matplotlib")

    written(read(DOCS / RESULTS), tmp_path)

    for path in FILES:
        text = path.read_text(encoding="utf-8")
        maker = MADE_BY.search(text)

        if path.suffix != ".svg" or (maker and maker[1] == matplotlib):
            made = (tmp_path / path.name).read_text(encoding="utf-8")
            assert made == text, f"{path.name}: run `python -m benchmarks --from` it"


def test_the_docs_show_no_figures_of_the_quick_form() -> None:
    """Nor a plot for one theme only, nor one that is too large for a page."""
    plots = {path.stem for path in FILES if path.suffix == ".svg"}

    assert not any(each.quick for each in read(DOCS / RESULTS).values())
    assert {name.replace("-dark", "-light") for name in plots if "dark" in name} == {
        name for name in plots if "light" in name
    }
    assert max(path.stat().st_size for path in FILES if path.suffix == ".svg") < 60_000


def test_the_docs_include_every_table_that_is_made() -> None:
    """A table that no page shows is found by nobody."""
    pages = DOCS.parent.parent.rglob("*.md")
    text = "\n".join(page.read_text("utf-8") for page in pages if page not in FILES)

    for path in FILES:
        assert f"measured/{path.name}" in text
