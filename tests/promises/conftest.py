"""What every test of promises needs: that no rejection goes unseen."""

from __future__ import annotations

__all__ = ("unhandled",)

from collections.abc import Iterator
from typing import Any

import pytest

from upcall._promises.home import set_unhandled_rejection_hook
from upcall._promises.promise import Promise

Told = list[tuple[Promise[Any], BaseException]]


@pytest.fixture(autouse=True)
def unhandled() -> Iterator[Told]:
    """Collect the unhandled rejections of a test. Those it expects, it takes out."""
    told: Told = []
    set_unhandled_rejection_hook(lambda promise, reason: told.append((promise, reason)))

    yield told

    set_unhandled_rejection_hook(None)
    assert told == []
