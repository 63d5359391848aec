"""Where the tests of stored requests store them."""

from __future__ import annotations

__all__ = ("file_url", "url")

from pathlib import Path

import pytest


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """Give the URL of a file."""
    return f"sqlite:///{tmp_path}/inbox.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/inbox.db"

    found: str = request.getfixturevalue("postgres_url")
    return found
