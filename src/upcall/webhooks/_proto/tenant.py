"""Tenants: whose endpoints and messages are."""

from __future__ import annotations

__all__ = ("check_tenant",)

from upcall.errors import OptionError

_LONGEST = 200


def check_tenant(tenant: object) -> str | None:
    """Return the name of a tenant, or None for none, or raise.

    Raises:
        OptionError: if it is no text, empty, longer than 200 characters, or has
            something in it that cannot be shown.
    """
    if tenant is None:
        return None

    if isinstance(tenant, str) and tenant.isprintable() and 0 < len(tenant) <= _LONGEST:
        return tenant

    raise OptionError(
        f"tenant={tenant!r}: give a text of 1 to {_LONGEST} printable characters, or "
        "None where there is no tenant"
    )
