"""The comparison with other libraries: who takes part, and what is seen by trying."""

from __future__ import annotations

__all__ = ()

import asyncio
from pathlib import Path

import pytest
from benchmarks.results import Figure, Result, Verdict
from benchmarks.rivals import asked, asked_async
from benchmarks.rivals.emitting import emitting
from benchmarks.rivals.entry import AwaitedWay, Rival, Way
from benchmarks.rivals.field import Field
from benchmarks.rivals.libraries import PYTHON, RIVALS, UPCALL
from benchmarks.rivals.typed import typed

LOOP = PYTHON.ways[0]
SIGNAL = UPCALL.ways[0]
IN_TURN, GATHER, _ = PYTHON.awaited
AEMIT, SEQUENTIAL = UPCALL.awaited


def test_a_library_that_is_not_there_is_skipped_with_the_reason() -> None:
    """Neither a missing module nor a module of that name from elsewhere takes part."""
    nowhere = Rival(library="nowhere-at-all", module="nowhere_at_all")
    namesake = Rival(library="nowhere-at-all", module="asyncio")

    for rival in (nowhere, namesake):
        field = Field.of((PYTHON, UPCALL, rival))

        assert field.present == (PYTHON, UPCALL)
        assert field.absent == {"nowhere-at-all": "it is not installed"}


def test_a_library_that_cannot_be_imported_is_skipped_with_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is broken on this Python must not end the others' benchmark."""
    text = "raise RuntimeError('no loop')"
    (tmp_path / "broken_rival.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    field = Field.of((Rival(library="anyio", module="broken_rival"),))

    assert "no loop" in field.absent["anyio"]


@pytest.fixture(scope="module")
def emitted() -> list[Result | Figure]:
    """Give what the quick form finds where only a peer is named, and is not there."""
    pyee = Rival(library="pyee", module="nowhere_at_all")
    return emitting(Field.of((PYTHON, UPCALL, pyee)), quick=True)


def test_an_absent_peer_is_skipped_where_it_would_be_judged(
    emitted: list[Result | Figure],
) -> None:
    """The limit is not met by a peer's absence."""
    judged = [each for each in emitted if isinstance(each, Result)]

    assert [each.name for each in judged] == [
        f"Signal.emit to {number}, against pyee" for number in (1, 10, 100)
    ]
    assert {each.verdict for each in judged} == {Verdict.SKIPPED}


def test_a_column_starts_with_python_whose_ratio_is_one(
    emitted: list[Result | Figure],
) -> None:
    """All ratios are to it; what a way has not is a cell without a value."""
    cells = [each for each in emitted if isinstance(each, Figure)]
    first = {each.column: each for each in reversed(cells)}

    assert {each.value for each in first.values()} == {1.0}
    assert {each.row for each in first.values()} == {PYTHON.title(LOOP.name)}
    assert {each.note for each in cells if each.value is None} == {"has none"}


@pytest.mark.parametrize(("way", "yes"), [(LOOP, False), (SIGNAL, True)])
def test_a_failure_among_callbacks_is_tried(way: Way, yes: bool) -> None:
    """A bare loop ends with the first failure; a signal goes on and tells of all."""
    assert asyncio.run(asked.others_run(way)).yes is yes
    assert asyncio.run(asked.failures_are_told(way)).yes is yes


@pytest.mark.parametrize(("way", "yes"), [(LOOP, False), (SIGNAL, True)])
def test_a_returned_awaitable_is_tried(way: Way, yes: bool) -> None:
    """A bare loop drops it; a signal without a bus refuses it."""
    assert asyncio.run(asked.keeps_awaitable(way)).yes is yes


@pytest.mark.parametrize("way", [LOOP, SIGNAL])
def test_order_and_results_are_tried(way: Way) -> None:
    """Both go in order, and neither hands back what callbacks returned."""
    assert asyncio.run(asked.is_in_order(way)).yes
    assert not asyncio.run(asked.hands_back(way)).yes


@pytest.mark.parametrize(
    ("way", "finish", "concurrent"),
    [
        (IN_TURN, False, False),
        (GATHER, False, True),
        (AEMIT, True, True),
        (SEQUENTIAL, True, False),
    ],
)
def test_awaited_callbacks_are_tried(
    way: AwaitedWay, finish: bool, concurrent: bool
) -> None:
    """Who runs at once, and who has finished when a failure is told."""
    assert asyncio.run(asked_async.others_finish(way)).yes is finish
    assert asyncio.run(asked_async.failures_are_told(way)).yes is finish
    assert asyncio.run(asked_async.is_concurrent(way)).yes is concurrent
    assert asyncio.run(asked_async.is_cancelled_with_caller(way)).yes


def test_a_failure_is_found_in_groups_causes_and_results() -> None:
    """Wherever a library puts it, it counts as told."""
    error = ValueError("it")
    caused = RuntimeError("because")
    caused.__cause__ = error

    assert asked.holds(error, error)
    assert asked.holds(ExceptionGroup("all", [KeyError("other"), error]), error)
    assert asked.holds(caused, error)
    assert asked.holds([("receiver", error)], error)
    assert not asked.holds([KeyError("other"), None], error)


def test_the_quick_form_asks_no_type_checker() -> None:
    """That takes seconds; the cells say why they are empty."""
    found = typed(Field.of((UPCALL,)), quick=True)

    assert {each.value for each in found} == {None}
    assert {each.note for each in found} == {"not asked in the quick form"}


@pytest.mark.parametrize("rival", [UPCALL, *RIVALS], ids=lambda each: each.library)
def test_every_library_has_a_wrong_use_for_the_type_checker(rival: Rival) -> None:
    """One wrong callback and one wrong payload at least, marked as such."""
    assert "# wrong callback\n" in rival.wrong
    assert "# wrong payload\n" in rival.wrong
