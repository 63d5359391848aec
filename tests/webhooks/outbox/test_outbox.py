"""Checks of `Outbox`: URLs, options, opening and closing."""

from __future__ import annotations

__all__ = ()

from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.fernet import Fernet
from tests.webhooks.fakes import SECRET, make_endpoint

from upcall.errors import OptionError
from upcall.webhooks import Outbox
from upcall.webhooks._proto.errors import OutboxError


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "this is no database URL: give 'sqlite:///outbox.db'"),
        ("mysql://me:hidden@host/db", "no outbox for 'mysql' databases: give"),
        ("postgresql://me:hidden@host", "names no database"),
        ("sqlite://outbox.db", "has a host or options"),
        ("sqlite:///outbox.db?mode=ro", "has a host or options"),
    ],
)
def test_unknown_url_is_refused(url: str, text: str) -> None:
    """With what would do, and without the password."""
    with pytest.raises(OutboxError, match=text) as caught:
        Outbox(url)

    assert "hidden" not in str(caught.value)


def test_options_are_checked() -> None:
    """At once."""
    with pytest.raises(OptionError, match="give 'many' or 'one'"):
        Outbox("sqlite://", processes="two")  # type: ignore[arg-type]

    with pytest.raises(OptionError, match="Fernet"):
        Outbox("sqlite://", keys=["short"])


async def test_outbox_that_is_not_open_says_so() -> None:
    """It does nothing by itself."""
    outbox = Outbox("sqlite://")

    with pytest.raises(OutboxError, match=r"sqlite://.*closed.*open the bridge"):
        _ = outbox.store


async def test_open_twice_is_one_store(tmp_path: Path) -> None:
    """The last one who leaves closes it."""
    outbox = Outbox(f"sqlite:///{tmp_path}/outbox.db", processes="one")
    await outbox.open()
    store = outbox.store

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(outbox.open)

    assert outbox.store is store

    for _ in range(4):
        assert outbox.store is store
        await outbox.close()

    with pytest.raises(OutboxError):
        _ = outbox.store


async def test_outbox_can_be_opened_again(tmp_path: Path) -> None:
    """What was in it is still there."""
    outbox = Outbox(f"sqlite:///{tmp_path}/outbox.db")
    await outbox.open()
    await outbox.writer.perform(outbox.store.add, make_endpoint(), now=1.0)
    await outbox.close()

    await outbox.open()
    found = await outbox.writer.perform(outbox.store.endpoints, now=0.0)
    await outbox.close()

    assert [each.id for each in found] == ["one"]


async def test_failed_opening_leaves_nothing_open(tmp_path: Path) -> None:
    """It may be tried again when the reason is gone."""
    place = tmp_path / "later"
    outbox = Outbox(f"sqlite:///{place}/outbox.db", processes="one")

    with pytest.raises(OutboxError, match="the directory of the outbox must exist"):
        await outbox.open()

    place.mkdir()
    await outbox.open()
    await outbox.close()


async def test_cancelled_opening_leaves_nothing_open(tmp_path: Path) -> None:
    """Neither the thread nor the lock."""
    url = f"sqlite:///{tmp_path}/outbox.db"
    outbox = Outbox(url, processes="one")

    with anyio.CancelScope() as scope:
        scope.cancel()
        await outbox.open()

    other = Outbox(url, processes="one")
    await other.open()
    await other.close()


async def test_secrets_are_sealed_in_the_file(tmp_path: Path) -> None:
    """With keys, the file alone tells no secret; without them, it does."""
    found: dict[bool, bool] = {}

    for sealed in (True, False):
        path = tmp_path / f"{sealed}.db"
        keys: list[Any] = [Fernet.generate_key()] if sealed else []
        outbox = Outbox(f"sqlite:///{path}", keys=keys)
        endpoint = make_endpoint(headers={"x-token": "hidden"}, schedule=(0, 1))
        await outbox.open()
        await outbox.writer.perform(outbox.store.add, endpoint, now=1.0)
        assert await outbox.writer.perform(outbox.store.endpoints, now=0.0) == [
            endpoint
        ]
        await outbox.close()
        data = path.read_bytes()
        found[sealed] = SECRET.encode() in data or b"hidden" in data

    assert found == {True: False, False: True}
