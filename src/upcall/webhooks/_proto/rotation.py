"""The secrets of an endpoint over time: which of them sign at a given moment."""

# Rule 1: the newest secret has no end, and one that waits for its time waits for the
#   end of another: so there is always one that signs.
# Rule 2: a scheme that carries several signatures signs with the new secret at once,
#   and with the old ones until the overlap is over: a receiver may change whenever it
#   likes in between.
# Rule 3: any other scheme goes over at the end of the overlap. Until then a receiver
#   has time to learn to take both.

from __future__ import annotations

__all__ = ("Secrets", "Span")

from typing import Self

import attrs


@attrs.frozen(kw_only=True)
class Span:
    """One secret, and from when until when it signs, in Unix seconds."""

    text: str = attrs.field(repr=False)
    since: float | None = None
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Tell whether it signs at that moment."""
        begun = self.since is None or self.since <= now
        return begun and (self.until is None or now < self.until)


@attrs.frozen
class Secrets:
    """All the secrets that an endpoint has or is about to have, the newest first."""

    spans: tuple[Span, ...]

    @classmethod
    def of(cls, secret: str | tuple[str, ...]) -> Self:
        """Return secrets that all sign, now and always."""
        texts = (secret,) if isinstance(secret, str) else secret
        return cls(tuple(Span(text=text) for text in texts))

    @property
    def changing(self) -> bool:
        """Whether what signs is not always the same."""
        return any((span.since, span.until) != (None, None) for span in self.spans)

    def at(self, now: float) -> str | tuple[str, ...]:
        """Return what signs at that moment, as `Endpoint.secret` shows it."""
        texts = tuple(span.text for span in self.spans if span.holds(now))
        return texts[0] if len(texts) == 1 else texts

    def leads_to(self, secret: str | tuple[str, ...], *, now: float) -> bool:
        """Tell whether this is what signs, now or at some later moment."""
        times = [each for span in self.spans for each in (span.since, span.until)]
        moments = {now, *(time for time in times if time is not None and time > now)}
        return any(self.at(moment) == secret for moment in moments)

    def knows(self, secret: str | tuple[str, ...], *, now: float) -> bool:
        """Tell whether all of this signs, alone or with others, now or later."""
        texts = (secret,) if isinstance(secret, str) else secret
        alive = {s.text for s in self.spans if s.until is None or now < s.until}
        return set(texts) <= alive

    def rotated(self, new: str, *, now: float, overlap: float, several: bool) -> Self:
        """Return the secrets with a new one, from this moment on.

        One that has not begun to sign is dropped: it has been overtaken. Old ones never
        get longer than they had.

        Args:
            new: the new secret; one that is there already becomes the newest.
            now: this moment, in Unix seconds.
            overlap: how long the old ones still sign, in seconds.
            several: whether the scheme carries several signatures.
        """
        old = tuple(
            attrs.evolve(span, since=None, until=min(span.until or end, end))
            for span in self.spans
            if span.text != new and span.holds(now) and (end := now + overlap) > now
        )
        ends = [span.until for span in old if span.until is not None]
        since = max(ends) if ends and not several else None
        return type(self)((Span(text=new, since=since), *old))
