"""Upcall beside other libraries, each in the fastest way its documentation shows.

Tables of what it costs to emit, to subscribe, to await and to promise, and tables of
what one gets for that: guarantees, and what a type checker sees.

    pip install --group rivals
    pip install --no-deps pymitter

A library that is not there, or cannot be imported, is skipped, and the tables say so.
"""

# Rule 1: everybody gets the same callbacks, as many, and one payload.
# Rule 2: a ratio is to the first row of its column: Python without any library.
# Rule 3: who is faster is told by the time of the whole operation, as the user sees it.
#   What one gets for that time differs; the table of guarantees is part of the answer.
# Rule 4: a library has a file of its own, for those who know it better to correct.

from __future__ import annotations

__all__ = ("run",)

from benchmarks.results import Figure, Result, skipped
from benchmarks.rivals.awaiting import awaiting
from benchmarks.rivals.emitting import emitting
from benchmarks.rivals.field import Field
from benchmarks.rivals.guarantees import guarantees
from benchmarks.rivals.libraries import PYTHON, RIVALS, UPCALL
from benchmarks.rivals.promising import promising
from benchmarks.rivals.subscribing import subscribing
from benchmarks.rivals.typed import typed


def run(quick: bool) -> list[Result | Figure]:
    """Measure all that are there, and say who is not."""
    field = Field.of((PYTHON, UPCALL, *RIVALS))
    return [
        *emitting(field, quick=quick),
        *subscribing(field, quick=quick),
        *awaiting(field, quick=quick),
        *promising(field, quick=quick),
        *guarantees(field),
        *typed(field, quick=quick),
        *(
            skipped(f"rivals: {library}", why)
            for library, why in sorted(field.absent.items())
        ),
    ]
