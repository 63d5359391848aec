"""Schemes: the ways to sign a request. `scheme` finds one by its name."""

from __future__ import annotations

__all__ = ("Scheme", "Verified", "new_secret", "scheme")

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from upcall.errors import OptionError

from .contract import Scheme as Scheme
from .contract import Verified as Verified
from .github import GitHub
from .secret import several
from .standard import Standard
from .timestamp import check_tolerance

_SCHEMES: Final[Mapping[str, Callable[[tuple[str, ...], float], Scheme]]] = {
    "standard": lambda secret, tolerance: Standard(secret, tolerance=tolerance),
    "github": lambda secret, _: GitHub(secret),
    "svix": lambda secret, tolerance: Standard(
        secret, tolerance=tolerance, name="svix", prefix="svix"
    ),
}


def scheme(
    name: str, secret: str | Sequence[str], *, tolerance: float = 300.0
) -> Scheme:
    """Return the scheme of that name, with its secrets.

    Args:
        name: ``"standard"``, ``"svix"`` or ``"github"``.
        secret: one, or several while one is rotated out, the newest first. A request is
            verified if any of them fits. ``"standard"`` signs with all of them,
            schemes that carry a single signature with the first.
        tolerance: how many seconds a signed timestamp may lie in the past or the
            future. Nothing to schemes that sign none.

    Raises:
        OptionError: for an unknown name, a secret that does not fit the scheme (which
            the message never shows), or a tolerance that is no duration.
    """
    if name not in _SCHEMES:
        known = ", ".join(repr(each) for each in sorted(_SCHEMES))
        raise OptionError(f"there is no scheme {name!r}: use one of {known}")

    return _SCHEMES[name](several(secret), check_tolerance(tolerance))


def new_secret() -> str:
    """Return a new secret for the scheme ``"standard"``: ``whsec_`` and 32 bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
