"""The ways in which people write to databases: one transaction each, by hand."""

from __future__ import annotations

__all__ = ("POSTGRESQL", "SQLITE", "Mine", "Way", "django_connection")

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import attrs
import django
import psycopg
from django.conf import settings
from django.db import connections, transaction
from django.utils.connection import ConnectionProxy
from psycopg.rows import dict_row
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session, scoped_session, sessionmaker


@attrs.frozen
class Mine:
    """A transaction of the user's, under way."""

    connection: Any
    """What `enqueue` takes."""

    run: Callable[[str], object]
    """Execute a statement of the user's own."""

    commit: Callable[[], object]
    rollback: Callable[[], object]


Way: TypeAlias = Callable[[str], AbstractContextManager[Mine]]
"""Takes the URL of a database."""


# --- SQLAlchemy ---


@contextmanager
def by_core(url: str) -> Iterator[Mine]:
    """Write through a connection of SQLAlchemy's."""
    engine = create_engine(url)

    with engine.connect() as connection:
        yield Mine(
            connection,
            connection.exec_driver_sql,
            connection.commit,
            connection.rollback,
        )

    engine.dispose()


@contextmanager
def by_session(url: str) -> Iterator[Mine]:
    """Write through a session of SQLAlchemy's."""
    engine = create_engine(url)

    with Session(engine) as session:

        def run(sql: str) -> None:
            session.connection().exec_driver_sql(sql)

        yield Mine(session, run, session.commit, session.rollback)

    engine.dispose()


@contextmanager
def by_scoped_session(url: str) -> Iterator[Mine]:
    """Write through the session of this thread."""
    engine = create_engine(url)
    session = scoped_session(sessionmaker(engine))

    def run(sql: str) -> None:
        session.connection().exec_driver_sql(sql)

    yield Mine(session, run, session.commit, session.rollback)
    session.remove()
    engine.dispose()


# --- sqlite3 ---


@contextmanager
def by_sqlite3(url: str) -> Iterator[Mine]:
    """Write through the standard library, as it is by default."""
    connection = sqlite3.connect(make_url(url).database or "")

    with contextlib.closing(connection):
        yield Mine(
            connection, connection.execute, connection.commit, connection.rollback
        )


@contextmanager
def by_sqlite3_cursor(url: str) -> Iterator[Mine]:
    """Write through a cursor, with rows and texts made to the user's taste."""
    with by_sqlite3(url) as mine:
        mine.connection.row_factory = lambda cursor, row: {"only": row}
        mine.connection.text_factory = bytes
        yield attrs.evolve(mine, connection=mine.connection.cursor())


@contextmanager
def by_sqlite3_begin(url: str) -> Iterator[Mine]:
    """Write with BEGIN and COMMIT said by hand."""
    connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)

    with contextlib.closing(connection):
        connection.execute("BEGIN")
        yield Mine(
            connection, connection.execute, connection.commit, connection.rollback
        )


# --- psycopg ---


@contextmanager
def by_psycopg(url: str) -> Iterator[Mine]:
    """Write through psycopg."""
    with psycopg.connect(plain(url), row_factory=dict_row) as connection:
        yield Mine(
            connection, connection.execute, connection.commit, connection.rollback
        )


@contextmanager
def by_psycopg_cursor(url: str) -> Iterator[Mine]:
    """Write through a cursor."""
    with by_psycopg(url) as mine:
        yield attrs.evolve(mine, connection=mine.connection.cursor())


@contextmanager
def by_psycopg_transaction(url: str) -> Iterator[Mine]:
    """Write in a transaction block of a connection that commits by itself."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        block = connection.transaction()
        block.__enter__()
        yield Mine(
            connection,
            connection.execute,
            lambda: block.__exit__(None, None, None),
            lambda: block.__exit__(psycopg.Rollback, psycopg.Rollback(), None),
        )


@contextmanager
def by_psycopg_pipeline(url: str) -> Iterator[Mine]:
    """Write without waiting for each answer."""
    with by_psycopg(url) as mine, mine.connection.pipeline():
        yield mine


def plain(url: str) -> str:
    """Return the URL as psycopg takes it."""
    return url.replace("postgresql+psycopg:", "postgresql:")


# --- Django ---


@contextmanager
def django_connection(url: str) -> Iterator[Any]:
    """Give a connection of Django's."""
    if not settings.configured:
        own = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        settings.configure(DATABASES={"default": own}, USE_TZ=True)
        django.setup()

    parsed = make_url(url)
    alias = f"way{id(parsed)}"
    connections.databases[alias] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3"
        if parsed.get_backend_name() == "sqlite"
        else "django.db.backends.postgresql",
        "NAME": parsed.database,
        "USER": parsed.username or "",
        "HOST": parsed.query.get("host", parsed.host or ""),
    }

    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


@contextmanager
def by_django(url: str) -> Iterator[Mine]:
    """Write inside of atomic(), through what `django.db.connection` is."""
    with django_connection(url) as connection:
        block = transaction.atomic(using=connection.alias)
        block.__enter__()
        yield Mine(
            ConnectionProxy(connections, connection.alias),
            lambda sql: connection.cursor().execute(sql),
            lambda: block.__exit__(None, None, None),
            lambda: block.__exit__(ZeroDivisionError, ZeroDivisionError(), None),
        )


@contextmanager
def by_django_cursor(url: str) -> Iterator[Mine]:
    """Write through a cursor."""
    with by_django(url) as mine, mine.connection.cursor() as cursor:
        yield attrs.evolve(mine, connection=cursor)


_BOTH: tuple[Way, ...] = (
    by_core,
    by_session,
    by_scoped_session,
    by_django,
    by_django_cursor,
)
SQLITE: tuple[Way, ...] = (*_BOTH, by_sqlite3, by_sqlite3_cursor, by_sqlite3_begin)
POSTGRESQL: tuple[Way, ...] = (
    *_BOTH,
    by_psycopg,
    by_psycopg_cursor,
    by_psycopg_transaction,
    by_psycopg_pipeline,
)
