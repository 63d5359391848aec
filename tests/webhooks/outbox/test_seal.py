"""Checks of the seal: what opens, and what does not."""

from __future__ import annotations

__all__ = ()

import logging

import pytest
from cryptography.fernet import Fernet

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import OutboxError
from upcall.webhooks.outbox.seal import Seal

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
