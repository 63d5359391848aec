"""Secrets at rest: sealed with the keys of the outbox, or in clear without keys."""

# Rule 1: what is sealed is bound to its endpoint: copied to the row of another one, it
#   does not open.
# Rule 2: the newest key (the first) seals, every key opens.
# Rule 3: an error shows neither what was sealed nor a key.

from __future__ import annotations

__all__ = ("Seal", "Unopened")

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from upcall.errors import OptionError
from upcall.webhooks._proto.errors import OutboxError

_LOG: Final = logging.getLogger("upcall")
_CLEAR: Final = "clear:"
_FERNET: Final = "fernet:"


class Seal:
    """Closes and opens what an endpoint must keep to itself.

    Args:
        keys: Fernet keys (`cryptography.fernet.Fernet.generate_key`), the newest first.

    Raises:
        OptionError: if one of the keys is none.
    """

    def __init__(self, keys: Sequence[str | bytes] = ()) -> None:
        self._fernet = _fernet(keys)
        self._told = False

    def close(self, endpoint: str, value: Any) -> str:
        """Return the value as text that can be stored. The value must fit JSON."""
        if self._fernet is None:
            self._tell()
            return _CLEAR + json.dumps(value)

        bound = json.dumps({"endpoint": endpoint, "value": value})
        return _FERNET + self._fernet.encrypt(bound.encode()).decode()

    def open(self, endpoint: str, sealed: str) -> Any:
        """Return the value again.

        Raises:
            OutboxError: if no key opens it, or it was sealed for another endpoint.
        """
        if sealed.startswith(_CLEAR):
            return json.loads(sealed.removeprefix(_CLEAR))

        bound = json.loads(self._decrypt(endpoint, sealed.removeprefix(_FERNET)))

        if bound["endpoint"] != endpoint:
            raise OutboxError(
                f"the secrets of endpoint {endpoint!r} were sealed for another one: "
                "remove the endpoint and add it again"
            )

        return bound["value"]

    def reseal(self, endpoint: str, sealed: str) -> str:
        """Return the same, sealed with the newest key.

        Raises:
            OutboxError: if there is no key, or none opens what is sealed.
        """
        if self._fernet is None:
            raise OutboxError(
                "there is no key to seal with: give the new one, and those before it, "
                "to Outbox(..., keys=[...])"
            )

        return self.close(endpoint, self.open(endpoint, sealed))

    def _decrypt(self, endpoint: str, token: str) -> bytes:
        if self._fernet is not None:
            try:
                return self._fernet.decrypt(token)
            except InvalidToken:
                pass

        raise OutboxError(
            f"no key opens the secrets of endpoint {endpoint!r}: give the key they "
            "were sealed with to Outbox(..., keys=[...])"
        )

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            _LOG.warning(
                "secrets of endpoints are stored in clear: to seal them, give keys "
                "to Outbox(..., keys=[...])"
            )


class Unopened(Seal):
    """What is left of secrets that no key opens: none."""

    def open(self, endpoint: str, sealed: str) -> Any:  # noqa: ARG002 (see there)
        """Return that there is nothing."""
        return {"secret": [], "headers": {}}


def _fernet(keys: Sequence[str | bytes]) -> MultiFernet | None:
    if isinstance(keys, (str, bytes)):
        raise OptionError("keys= takes a sequence of keys, not a single one")

    try:
        fernets = [Fernet(key) for key in keys]
    except (TypeError, ValueError):
        raise OptionError(
            "a key in keys= is no Fernet key: make one with "
            "cryptography.fernet.Fernet.generate_key()"
        ) from None

    return MultiFernet(fernets) if fernets else None
