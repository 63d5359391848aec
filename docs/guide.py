"""What the page for receivers shows of the code: a request, and when it is retried."""

from __future__ import annotations

__all__ = ("ExampleRequest", "Retries", "setup")

from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Final

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from upcall.webhooks import scheme
from upcall.webhooks._proto.formats import render
from upcall.webhooks._proto.message import Message
from upcall.webhooks._proto.schedule import DEFAULT

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAID: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
SENT: Final = PAID.timestamp() + 1
MESSAGE: Final = Message(
    id="0199f3a1-7c2e-7d40-9b5e-2f6c1d3a8e57",
    name="order.paid",
    time=PAID,
    data=b'{"order_id":7}',
)
UNITS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class ExampleRequest(Directive):
    """A request as it is sent, made and signed by the code."""

    def run(self) -> list[nodes.Node]:
        """Return it as a block of code."""
        text = request()
        return [nodes.literal_block(text, text, language="http")]


def request() -> str:
    """Return the text of a request."""
    made = render(MESSAGE, format="standard", scheme="standard")
    signed = scheme("standard", SECRET).sign(made.body, id=MESSAGE.id, timestamp=SENT)
    headers = [
        ("Host", "shop.example.com"),
        ("Content-Length", str(len(made.body))),
        *made.headers,
        *signed.items(),
    ]
    lines = ["POST /hooks HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\n".join([*lines, "", made.body.decode()])


class Retries(Directive):
    """The table of attempts, drawn from the default schedule."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        heads = ("attempt", "after the one before", "after the event, about")
        group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in heads], cols=3)
        group += nodes.thead("", _row(heads))
        group += nodes.tbody("", *(_row(cells) for cells in attempts()))
        return [nodes.table("", group)]


def attempts() -> list[tuple[str, str, str]]:
    """Return the cells of the table, a row for each attempt."""
    rows = zip(DEFAULT, accumulate(DEFAULT), strict=True)
    return [
        (str(number), spelled(delay), spelled(since))
        for number, (delay, since) in enumerate(rows, start=1)
    ]


def spelled(seconds: float) -> str:
    """Write a duration in words, by its two largest units."""
    if not seconds:
        return "at once"

    words: list[str] = []

    for size, unit in UNITS:
        count, seconds = divmod(round(seconds), size)
        words += [f"{count} {unit}{'s' * (count > 1)}"] if count else []

    return " ".join(words[:2])


def _row(texts: tuple[str, ...]) -> nodes.row:
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts)
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("example-request", ExampleRequest)
    app.add_directive("retries", Retries)
    return {"parallel_read_safe": True}
