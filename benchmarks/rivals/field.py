"""The field: who takes part here, and the figures of a race among them."""

from __future__ import annotations

__all__ = ("Field", "figures", "judged", "none")

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import attrs
from benchmarks.measure import Race
from benchmarks.results import Figure, Result, skipped
from benchmarks.rivals.entry import AwaitedWay, PromiseWay, Rival, Way

Any_Way = TypeVar("Any_Way", Way, AwaitedWay, PromiseWay)


@attrs.frozen
class Field:
    """Those who can take part here, Python first, then Upcall."""

    present: tuple[Rival, ...]
    absent: Mapping[str, str]
    """Why the others cannot, by library."""

    @classmethod
    def of(cls, rivals: Sequence[Rival]) -> Field:
        """Look who is there."""
        reasons = {rival.library: rival.why_absent() for rival in rivals}
        return cls(
            tuple(rival for rival in rivals if reasons[rival.library] is None),
            {library: why for library, why in reasons.items() if why is not None},
        )

    def ways(self) -> dict[str, Way]:
        """Return the ways to call sync callbacks, by title."""
        return dict(_titled((rival, rival.ways) for rival in self.present))

    def awaited(self) -> dict[str, AwaitedWay]:
        """Return the ways to await async callbacks, by title."""
        return dict(_titled((rival, rival.awaited) for rival in self.present))

    def promises(self) -> dict[str, PromiseWay]:
        """Return the kinds of promise, by title."""
        return dict(_titled((rival, rival.promises) for rival in self.present))


def figures(raced: Race, table: str, column: str, against: str) -> list[Figure]:
    """Make a column of a race: everybody's ratio to one of them."""
    found = [(name, raced.result(name, name, against)) for name in raced.times]
    return [
        Figure(
            table=table,
            row=name,
            column=column,
            value=result.ratio,
            unit="x",
            note=result.note,
        )
        for name, result in found
    ]


def judged(field: Field, raced: Race, what: str, peers: Sequence[str]) -> list[Result]:
    """Hold the first of our ways in a race against all of those whom the design names.

    One that is not there is skipped, by name: its absence meets no limit.
    """
    titles = {
        rival.library: [
            title for title in raced.times if title.startswith(f"{rival.library} ")
        ]
        for rival in field.present
    }
    ours = titles["upcall"][0]
    return [
        raced.result(f"{what}, against {title}", ours, title, 1)
        for peer in peers
        for title in titles.get(peer, ())
    ] + [
        skipped(f"{what}, against {peer}", field.absent[peer], limit=1)
        for peer in peers
        if peer in field.absent
    ]


def none(table: str, row: str, column: str, why: str, unit: str = "x") -> Figure:
    """Make the cell of what a library does not have."""
    return Figure(table=table, row=row, column=column, value=None, unit=unit, note=why)


def _titled(
    pairs: Iterator[tuple[Rival, tuple[Any_Way, ...]]],
) -> Iterator[tuple[str, Any_Way]]:
    for rival, ways in pairs:
        for way in ways:
            yield rival.title(way.name), way
