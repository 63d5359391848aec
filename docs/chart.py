"""Draws questions and answers as a chart, from the list inside of `{chart}`.

The list stays beneath the picture: it says the same in words, with links. Each entry is
a question in bold and an answer, which is a link and perhaps some code; the last entry
is what is left when every question was answered with no.
"""

from __future__ import annotations

__all__ = ("Chart", "draw", "setup")

from collections.abc import Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any, Final

import attrs
from docutils import nodes
from drawing import Place, arrow, frame, label, picture
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

QUESTION: Final = 290
ANSWER: Final = 176
BETWEEN: Final = 46
LETTERS: Final = 36
LINE: Final = 19
EDGE: Final = 2
GAP: Final = 30
WIDTH: Final = QUESTION + BETWEEN + ANSWER + 2 * EDGE
LEFT: Final = EDGE + QUESTION / 2
RIGHT: Final = WIDTH - EDGE - ANSWER / 2


@attrs.frozen
class Step:
    """A question, which only the last step lacks, and the answer if it is a yes."""

    question: str
    answer: str
    code: str

    @property
    def lines(self) -> list[str]:
        """What stands in the box of the question."""
        return wrap(self.question, LETTERS)

    @property
    def height(self) -> int:
        """How high its boxes are."""
        return LINE * max(len(self.lines), 2) + 14


def draw(steps: Sequence[Step], *, text: str) -> str:
    """Return the picture as SVG, in the colours of the page around it."""
    parts: list[str] = []
    middles: list[float] = []
    top = float(EDGE)

    for step in steps:
        middle = top + step.height / 2
        middles.append(middle)
        parts += _boxes(step, middle)
        top += step.height + GAP

    for (step, above), (after, below) in pairwise(zip(steps, middles, strict=True)):
        begin, end = above + step.height / 2, below - after.height / 2
        parts.append(_pointed((LEFT, begin), (LEFT, end), "no"))

    height = round(top - GAP + EDGE)
    return picture(parts, size=(WIDTH, height), smallest=0.66, text=text)


def _boxes(step: Step, middle: float) -> list[str]:
    if not step.question:
        return _answer(step, (LEFT, middle))

    yes = _pointed((EDGE + QUESTION, middle), (RIGHT - ANSWER / 2, middle), "yes")
    asked = frame((LEFT, middle), (QUESTION, step.height))
    lines = _lines((LEFT, middle), step.lines, ["inside"] * len(step.lines))
    return [asked, *lines, yes, *_answer(step, (RIGHT, middle))]


def _answer(step: Step, place: Place) -> list[str]:
    texts = [step.answer, step.code] if step.code else [step.answer]
    box = frame(place, (ANSWER, step.height), ' class="answer"')
    return [box, *_lines(place, texts, ["inside strong", "inside code"])]


def _lines(place: Place, texts: Sequence[str], kinds: Sequence[str]) -> list[str]:
    first = place[1] - LINE * (len(texts) - 1) / 2
    return [
        label((place[0], first + LINE * number), text, kind)
        for number, (text, kind) in enumerate(zip(texts, kinds, strict=False))
    ]


def _pointed(begin: Place, end: Place, text: str) -> str:
    stop = (end[0] - 2, end[1]) if begin[1] == end[1] else (end[0], end[1] - 2)
    middle = ((begin[0] + end[0]) / 2 - 3, (begin[1] + end[1]) / 2 - 2)
    return arrow((begin, begin, stop, stop)) + label(middle, text)


class Chart(SphinxDirective):
    """The picture, and beneath it the list that it was drawn from."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return both; the argument says what it is, to those who do not see it."""
        content = self.parse_content_to_nodes()
        entries = [found for node in content for found in node.findall(nodes.list_item)]
        drawn = draw([_step(entry) for entry in entries], text=self.arguments[0])
        return [nodes.raw("", drawn, format="html"), *content]


def _step(entry: nodes.list_item) -> Step:
    links = [*entry.findall(pending_xref), *entry.findall(nodes.reference)]
    question = next(entry.findall(nodes.strong), None)
    code = next(entry.findall(nodes.literal), None)
    return Step(
        question="" if question is None else question.astext(),
        answer=links[0].astext(),
        code="" if code is None else code.astext(),
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("chart", Chart)
    return {"parallel_read_safe": True}
