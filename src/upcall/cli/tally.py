"""What the demo counted, as a line while it works and as a table at the end."""

from __future__ import annotations

__all__ = ("Progress", "Tally")

from typing import TextIO

import attrs


@attrs.define(eq=False, kw_only=True)
class Tally:
    """The counts of one run. Each is right as soon as the run is over."""

    posted: int
    """How many payloads there are to post."""

    events: int = 0
    """How many the receiver answered 202."""

    sync: int = 0
    async_: int = 0
    chains: int = 0
    """How often a callback of each style ran, a chain to its end."""

    deliveries: int = 0
    attempts: int = 0
    lost: int = 0
    """Payloads posted whose event did not come out at the endpoint, unharmed."""

    duplicates: int = 0
    """Events at the endpoint that were not posted, or once more than posted."""

    @property
    def retries(self) -> int:
        """Count the attempts that were not the first of their delivery."""
        return self.attempts - self.deliveries

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was lost, doubled, or missed by a callback."""
        heard = {self.events, self.sync, self.async_, self.chains}
        return heard == {self.posted} and not self.lost and not self.duplicates

    def table(self) -> str:
        """Lay it out, a line for each count."""
        rows = {
            "events in": self.events,
            "sync callbacks run": self.sync,
            "async callbacks run": self.async_,
            "promise chains run": self.chains,
            "deliveries": self.deliveries,
            "attempts": self.attempts,
            "retries": self.retries,
            "lost": self.lost,
            "duplicates": self.duplicates,
        }
        return "\n".join(f"{name:<20}{count:>8}" for name, count in rows.items())


class Progress:
    """Tells how far it is: in one line of a terminal, or in plain lines elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""

    def show(self, text: str) -> None:
        """Show a text, if it is not the one that is shown."""
        if text == self._last:
            return

        if self._stream.isatty():
            print(f"\r\x1b[K{text}", end="", file=self._stream, flush=True)
        else:
            print(text, file=self._stream, flush=True)

        self._last = text

    def say(self, text: str) -> None:
        """Say something that stays, in a line of its own."""
        self.close()
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Leave a terminal at the beginning of a line."""
        if self._last and self._stream.isatty():
            print(file=self._stream, flush=True)

        self._last = ""
