"""Checks of secrets over time: there is always one that signs."""

from __future__ import annotations

__all__ = ()

from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.rotation import Secrets, Span

times = st.floats(0, 1000)


def texts(secrets: Secrets, now: float) -> tuple[str, ...]:
    """Return what signs, always as a tuple."""
    found = secrets.at(now)
    return (found,) if isinstance(found, str) else found


def test_secrets_that_were_never_rotated_always_sign() -> None:
    """One is shown as a text, several as they were given."""
    one, two = Secrets.of("a"), Secrets.of(("b", "a"))

    assert (one.at(0), two.at(1e12)) == ("a", ("b", "a"))
    assert not one.changing
    assert not two.changing


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("abcd"), st.floats(0, 100), st.floats(0, 200), st.booleans()
        ),
        max_size=8,
    ),
    later=times,
)
def test_there_is_always_one_that_signs(
    steps: list[tuple[str, float, float, bool]], later: float
) -> None:
    """Whatever is rotated, when, and by whatever kind of scheme."""
    secrets, now, newest = Secrets.of("start"), 0.0, "start"

    for newest, pause, overlap, several in steps:
        now += pause
        before = texts(secrets, now)
        secrets = secrets.rotated(newest, now=now, overlap=overlap, several=several)
        assert texts(secrets, now)
        assert set(texts(secrets, now)) <= {newest, *before}
        assert secrets.knows(newest, now=now)

    assert texts(secrets, now + later)
    assert texts(secrets, now + 1000) == (newest,)


@given(overlaps=st.lists(st.floats(0, 200), min_size=1, max_size=5), later=times)
def test_single_signatures_are_never_several(
    overlaps: list[float], later: float
) -> None:
    """A request of such a scheme would carry the first and drop the others."""
    secrets = Secrets.of("start")

    for number, overlap in enumerate(overlaps):
        secrets = secrets.rotated(
            str(number), now=10.0 * number, overlap=overlap, several=False
        )

    assert isinstance(secrets.at(10.0 * len(overlaps) + later), str)


@given(first=times, second=times)
def test_old_secret_never_signs_longer_than_was_said(
    first: float, second: float
) -> None:
    """Another rotation cuts its time, and never adds to it."""
    once = Secrets.of("a").rotated("b", now=0, overlap=first, several=True)
    twice = once.rotated("c", now=0, overlap=second, several=True)

    assert "a" not in texts(twice, min(first, second))


def test_leads_to_what_signs_now_or_later() -> None:
    """Not to what only signed before."""
    secrets = Secrets.of("a").rotated("b", now=0, overlap=10, several=False)

    assert secrets.leads_to("a", now=5)
    assert secrets.leads_to("b", now=5)
    assert not secrets.leads_to("a", now=10)
    assert not secrets.leads_to(("b", "a"), now=5)


def test_secrets_are_not_shown() -> None:
    """Neither alone nor among others."""
    secrets = Secrets((Span(text="hidden", until=1.0),))

    assert "hidden" not in repr(secrets)
