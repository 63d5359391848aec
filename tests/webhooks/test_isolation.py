"""A dead endpoint harms no other: counted, on virtual time."""

from __future__ import annotations

__all__ = ()

from benchmarks.isolation import ANSWER, simulate

HEALTHY, SECONDS, SLOTS = 40, 6, 40


def test_healthy_endpoints_do_not_notice_dead_ones() -> None:
    """Sixteen that never answer, and have as much to get as the others."""
    alone, beside = (
        simulate(healthy=HEALTHY, holes=holes, slots=SLOTS, seconds=SECONDS)
        for holes in (0, 16)
    )

    assert len(alone) == len(beside) == HEALTHY * SECONDS
    slowest = int(len(alone) * 0.99)
    assert beside[slowest] + ANSWER <= 2 * (alone[slowest] + ANSWER)
