"""Checks of secrets that stand in the environment."""

from __future__ import annotations

__all__ = ()

import pytest
from tests.webhooks.bridges import NOON, make_bridge
from tests.webhooks.fakes import FakeTransport, accepts, make_endpoint, until

from upcall import Bus
from upcall.webhooks import Bridge, EndpointError
from upcall.webhooks._proto.schemes import new_secret


async def test_secret_is_read_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is stored is the name of the variable."""
    secret, transport = new_secret(), FakeTransport()
    monkeypatch.setenv("HOOK_SECRET", secret)

    async with Bus() as bus, make_bridge(bus, transport=transport) as bridge:
        added = await bridge.add(make_endpoint(secret="env:HOOK_SECRET"))
        assert added.secret == "env:HOOK_SECRET"
        await bus.aemit("order.paid", 1)
        await until(lambda: bridge.deliveries(state="delivered"), 1)

    assert accepts(transport.sent[0], now=NOON, secret=secret)


async def test_several_may_stand_in_several_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them sign."""
    secrets, transport = (new_secret(), new_secret()), FakeTransport()
    monkeypatch.setenv("HOOK_SECRET", secrets[0])

    async with Bus() as bus, make_bridge(bus, transport=transport) as bridge:
        await bridge.add(make_endpoint(secret=("env:HOOK_SECRET", secrets[1])))
        await bus.aemit("order.paid", 1)
        await until(lambda: bridge.deliveries(state="delivered"), 1)

    for secret in secrets:
        assert accepts(transport.sent[0], now=NOON, secret=secret)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("env:HOOK_SECRET_THAT_IS_NOT_SET", "is not set"),
        ("env:EMPTY_HOOK_SECRET", "is not set"),
        ("env:", "names a variable"),
        ("env:A-B", "names a variable"),
        ("env:BAD_HOOK_SECRET", "secret"),
    ],
)
async def test_what_cannot_sign_is_refused_at_registration(
    monkeypatch: pytest.MonkeyPatch, secret: str, text: str
) -> None:
    """As any other secret; what stands in the variable is not shown."""
    monkeypatch.setenv("EMPTY_HOOK_SECRET", "")
    monkeypatch.setenv("BAD_HOOK_SECRET", "whsec_hidden###")

    async with Bus() as bus, make_bridge(bus) as bridge:
        with pytest.raises(EndpointError, match=text) as caught:
            await bridge.add(make_endpoint(secret=secret))

    assert "hidden" not in str(caught.value)


async def test_worker_without_the_variable_leaves_the_delivery_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried again by the schedule, and the record says why."""
    monkeypatch.setenv("HOOK_SECRET", new_secret())
    transport = FakeTransport()

    async def failed(bridge: Bridge) -> list[str]:
        found = await bridge.deliveries()
        return [str(each.reason) for each in found if each.reason]

    async with Bus() as bus, make_bridge(bus, transport=transport) as bridge:
        await bridge.add(make_endpoint(secret="env:HOOK_SECRET", schedule=(0, 60)))
        monkeypatch.delenv("HOOK_SECRET")
        await bus.aemit("order.paid", 1)
        (reason,) = await until(lambda: failed(bridge), 1)
        (delivery,) = await bridge.deliveries()

    assert "'HOOK_SECRET'" in reason
    assert delivery.state == "waiting"
    assert transport.sent == []
