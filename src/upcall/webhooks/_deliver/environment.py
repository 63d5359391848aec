"""Secrets that stand in the environment: ``env:NAME``."""

# Rule 1: what is stored is the name. The secret is read where it is used, in each
#   process; a change of it is seen when the endpoint changes, or at the next start.

from __future__ import annotations

__all__ = ("UnsetVariableError", "resolve_secret")

import os

from upcall.errors import OptionError
from upcall.webhooks._proto.endpoint import IN_ENVIRONMENT


class UnsetVariableError(OptionError):
    """A secret is to be read from a variable that is not set in this process."""


def resolve_secret(secret: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Return the secret of an endpoint as it can sign.

    Raises:
        UnsetVariableError: a variable is not set, or empty.
    """
    if isinstance(secret, str):
        return _resolved(secret)

    return tuple(_resolved(text) for text in secret)


def _resolved(text: str) -> str:
    if not text.startswith(IN_ENVIRONMENT):
        return text

    name = text.removeprefix(IN_ENVIRONMENT)
    found = os.environ.get(name, "")

    if not found:
        raise UnsetVariableError(
            f"the variable {name!r}, which has the secret, is not set: set it for "
            "every process that delivers"
        )

    return found
