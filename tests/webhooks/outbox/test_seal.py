"""Checks of the seal: what opens, and what does not."""

from __future__ import annotations

__all__ = ()

import logging
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.webhooks.fakes import SECRET, make_endpoint
from tests.webhooks.outbox.conformance.verbs import NOON, add, do

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks._proto.schemes import new_secret
from upcall.webhooks.outbox.seal import Seal
from upcall.webhooks.outbox.sqlite import SqliteStore

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRETS = {"secret": "whsec_x", "headers": {"a": "b"}}


def test_sealed_is_not_readable_and_opens() -> None:
    """With the key."""
    seal = Seal([NEW])

    closed = seal.close("ep", SECRETS)

    assert "whsec_x" not in closed
    assert seal.open("ep", closed) == SECRETS


def test_newest_key_seals_and_every_key_opens() -> None:
    """So that keys can be rotated."""
    closed = Seal([OLD]).close("ep", SECRETS)

    assert Seal([NEW, OLD]).open("ep", closed) == SECRETS
    assert Seal([NEW]).open("ep", Seal([NEW, OLD]).close("ep", SECRETS)) == SECRETS


@pytest.mark.parametrize("keys", [(), (NEW,)])
def test_wrong_key_is_told(keys: tuple[str, ...]) -> None:
    """With what to do, and without the secret."""
    closed = Seal([OLD]).close("ep", SECRETS)

    with pytest.raises(OutboxError, match=r"no key opens .*'ep': give the key"):
        Seal(keys).open("ep", closed)


def test_seal_is_bound_to_its_endpoint() -> None:
    """What was copied into another row does not open."""
    seal = Seal([NEW])
    closed = seal.close("one", SECRETS)

    with pytest.raises(OutboxError, match="sealed for another one"):
        seal.open("two", closed)


def test_without_keys_it_is_clear_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the log, not each time."""
    seal = Seal()

    with caplog.at_level(logging.WARNING, "upcall"):
        closed = [seal.close("ep", SECRETS) for _ in range(3)]

    assert len(caplog.records) == 1
    assert "keys=" in caplog.text
    assert Seal([NEW]).open("ep", closed[0]) == SECRETS


@pytest.mark.parametrize("keys", [["short"], [5], "text", b"bytes"])
def test_key_that_is_none_is_refused(keys: object) -> None:
    """With how to make one."""
    with pytest.raises(OptionError, match=r"Fernet\.generate_key|sequence of keys"):
        Seal(keys)  # type: ignore[arg-type]


def make_store(path: Path, *keys: str) -> SqliteStore:
    """Open a store with these keys."""
    store = SqliteStore(path, Seal(keys))
    store.open()
    return store


def test_reseal_needs_the_old_keys_only_once(tmp_path: Path) -> None:
    """What was in clear is sealed, too; nothing else changes."""
    path = tmp_path / "outbox.db"
    clear = make_store(path)
    add(clear, make_endpoint("a", headers={"x": "y"}), make_endpoint("b"))
    clear.close()
    old = make_store(path, OLD)
    do(old, old.rotate, "b", new_secret(), now=NOON, overlap=60)
    before = do(old, old.endpoints, now=NOON)
    changes = do(old, old.changes)
    old.close()
    both = make_store(path, NEW, OLD)

    assert do(both, both.reseal) == 2

    both.close()
    new = make_store(path, NEW)
    assert do(new, new.endpoints, now=NOON) == before
    assert do(new, new.changes) == changes
    assert SECRET not in "".join(sealed(new))
    new.close()


def sealed(store: SqliteStore) -> list[str]:
    """Return what is stored of the secrets."""
    with store.connection.begin():
        found = store.connection.exec_driver_sql("SELECT sealed FROM upcall_endpoint")
        return [text for (text,) in found]


@pytest.mark.parametrize(
    ("keys", "text"), [((), "there is no key to seal with"), ((NEW,), "no key opens")]
)
def test_reseal_that_cannot_be_changes_nothing(
    tmp_path: Path, keys: tuple[str, ...], text: str
) -> None:
    """Without a key, or without the one of before."""
    path = tmp_path / "outbox.db"
    old = make_store(path, OLD)
    add(old, make_endpoint("a"), make_endpoint("b"))
    before = sealed(old)
    store = make_store(path, *keys)

    with pytest.raises(OutboxError, match=text):
        do(store, store.reseal)

    assert sealed(old) == before
    store.close()
    old.close()
