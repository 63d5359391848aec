"""Draws the life of a delivery from the table in the code, for the pages: `{states}`.

The boxes have their places here. Which arrows there are, and what stands on them, comes
from `TABLE`; a state without a place ends the build.
"""

from __future__ import annotations

__all__ = ("draw", "setup")

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from docutils import nodes
from docutils.parsers.rst import Directive
from drawing import arrow, frame, label, picture
from sphinx.application import Sphinx

from upcall.webhooks._proto.delivery import FINISHED, TABLE, Rule, State

Place: TypeAlias = tuple[float, float]
Box: TypeAlias = State | str | None

ENDED: Final = "ended"
"""The frame around the states that no worker changes any more."""

GONE: Final = "gone"
"""What is not there any more; `None` is what is not there yet."""

PLACES: Final[dict[Box, Place]] = {
    None: (30, 230),
    State.WAITING: (210, 230),
    State.CLAIMED: (450, 130),
    State.DELIVERED: (730, 60),
    State.CANCELLED: (730, 230),
    State.DEAD: (730, 390),
    ENDED: (730, 225),
    GONE: (930, 225),
}
SIZES: Final[dict[Box, Place]] = {None: (14, 14), GONE: (14, 14), ENDED: (170, 410)}
BOX: Final = (110, 40)

# Where an arrow leaves, how it bends (two control points), and where it arrives. Others
# are straight, from the right edge to the left one.
BENDS: Final[dict[tuple[Box, Box], tuple[Place, Place, Place, Place]]] = {
    (State.WAITING, State.CLAIMED): ((220, 210), (250, 140), (330, 118), (393, 122)),
    (State.CLAIMED, State.WAITING): ((430, 150), (410, 200), (330, 222), (267, 226)),
    (State.WAITING, State.DELIVERED): ((195, 210), (210, 20), (450, 10), (673, 52)),
    (State.WAITING, State.CANCELLED): ((265, 234), (400, 240), (550, 240), (673, 234)),
    (State.CLAIMED, State.CANCELLED): ((505, 140), (570, 150), (640, 180), (678, 212)),
    (State.CLAIMED, State.DEAD): ((490, 150), (560, 220), (640, 310), (682, 368)),
    (None, State.DEAD): ((34, 240), (50, 380), (330, 410), (673, 394)),
    (ENDED, State.WAITING): ((645, 425), (480, 470), (230, 440), (213, 252)),
}


def draw() -> str:
    """Return the picture as SVG, in the colours of the page around it."""
    arrows: dict[tuple[Box, Box], list[str]] = defaultdict(list)

    for rule in TABLE:
        for source, target in _arrows(rule):
            arrows[source, target].append(rule.move)

    parts = [_box(box) for box in PLACES]
    parts += [_arrow(*ends, ", ".join(moves)) for ends, moves in arrows.items()]
    return picture(
        parts,
        size=(960, 460),
        smallest=0.7,
        text="The states of a delivery and the moves between them; the table beneath "
        "says the same",
    )


def _arrows(rule: Rule) -> Iterator[tuple[Box, Box]]:
    """Give the ends of a rule's arrows; what all that has ended can do is one arrow."""
    target: Box = GONE if rule.target is None else rule.target

    if set(rule.sources) >= FINISHED:
        yield ENDED, target

    for source in rule.sources:
        if source not in FINISHED or not set(rule.sources) >= FINISHED:
            yield source, target


def _box(box: Box) -> str:
    place = PLACES[box]
    size = SIZES.get(box, BOX)

    if box in {None, GONE}:
        return f'<circle cx="{place[0]}" cy="{place[1]}" r="{size[0] / 2}"/>'

    if not isinstance(box, State):
        return frame(place, size, ' stroke-dasharray="3 4"')

    return frame(place, size) + label(place, box, "inside strong")


def _arrow(source: Box, target: Box, text: str) -> str:
    curve = BENDS.get((source, target)) or _straight(source, target)
    x, y = ((b + 3 * c + 3 * d + e) / 8 for b, c, d, e in zip(*curve, strict=True))
    return arrow(curve) + label((x, y), text)


def _straight(source: Box, target: Box) -> tuple[Place, Place, Place, Place]:
    left, right = PLACES[source], PLACES[target]
    begin = (left[0] + SIZES.get(source, BOX)[0] / 2, left[1])
    end = (right[0] - SIZES.get(target, BOX)[0] / 2 - 2, right[1])
    return begin, begin, end, end


class States(Directive):
    """The picture, and the table of moves beneath it."""

    def run(self) -> list[nodes.Node]:
        """Return both."""
        return [nodes.raw("", draw(), format="html"), _table()]


COLUMNS: Final = ("move", "from", "to", "when", "what else changes")
WIDTHS: Final = (12, 16, 12, 30, 30)


def _table() -> nodes.table:
    group = nodes.tgroup("", cols=len(COLUMNS))
    group += [nodes.colspec(colwidth=width) for width in WIDTHS]
    group += nodes.thead("", _row(COLUMNS))
    group += nodes.tbody("", *(_row(_cells(rule)) for rule in TABLE))
    return nodes.table("", group)


def _cells(rule: Rule) -> tuple[str, ...]:
    sources = ", ".join(source or "nothing" for source in rule.sources)
    return rule.move, sources, rule.target or "nothing", rule.guard, rule.effect


def _row(texts: tuple[str, ...]) -> nodes.row:
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts)
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("states", States)
    return {"parallel_read_safe": True}
