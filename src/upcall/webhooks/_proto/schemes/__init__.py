"""Schemes: the ways to sign a request. `scheme` finds one by its name."""

from __future__ import annotations

__all__ = (
    "Scheme",
    "Verified",
    "carries_several",
    "names",
    "new_secret",
    "scheme",
    "sent_to",
    "signature_headers",
)

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from upcall.errors import OptionError

from .bearer import Bearer
from .contract import Scheme as Scheme
from .contract import Verified as Verified
from .discord import Discord
from .github import GitHub
from .secret import several
from .shopify import Shopify
from .slack import Slack
from .standard import Standard
from .stripe import Stripe
from .timestamp import check_tolerance
from .twilio import Twilio, with_digest
from .unsigned import Unsigned


@attrs.frozen(kw_only=True)
class _Kind:
    """What is known of a scheme before there is a secret."""

    make: Callable[[tuple[str, ...], float], Scheme]

    headers: frozenset[str]
    """In lower case."""

    carries_several: bool = False


_KINDS: Final[Mapping[str, _Kind]] = {
    "standard": _Kind(
        make=lambda secret, tolerance: Standard(secret, tolerance=tolerance),
        headers=frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"}),
        carries_several=True,
    ),
    "svix": _Kind(
        make=lambda secret, tolerance: Standard(
            secret, tolerance=tolerance, name="svix", prefix="svix"
        ),
        headers=frozenset({"svix-id", "svix-timestamp", "svix-signature"}),
        carries_several=True,
    ),
    "github": _Kind(
        make=lambda secret, _: GitHub(secret),
        headers=frozenset({"x-github-delivery", "x-hub-signature-256"}),
    ),
    "stripe": _Kind(
        make=lambda secret, tolerance: Stripe(secret, tolerance=tolerance),
        headers=frozenset({"stripe-signature"}),
        carries_several=True,
    ),
    "slack": _Kind(
        make=lambda secret, tolerance: Slack(secret, tolerance=tolerance),
        headers=frozenset({"x-slack-request-timestamp", "x-slack-signature"}),
    ),
    "shopify": _Kind(
        make=lambda secret, _: Shopify(secret),
        headers=frozenset(
            {
                "x-shopify-event-id",
                "x-shopify-hmac-sha256",
                "x-shopify-topic",
                "x-shopify-webhook-id",
            }
        ),
    ),
    "discord": _Kind(
        make=lambda secret, tolerance: Discord(secret, tolerance=tolerance),
        headers=frozenset({"x-signature-ed25519", "x-signature-timestamp"}),
    ),
    "twilio": _Kind(
        make=lambda secret, _: Twilio(secret),
        headers=frozenset({"i-twilio-idempotency-token", "x-twilio-signature"}),
    ),
    "bearer": _Kind(
        make=lambda secret, _: Bearer(secret), headers=frozenset({"authorization"})
    ),
    "none": _Kind(make=lambda _secret, _: Unsigned(), headers=frozenset()),
}


def scheme(
    name: str,
    secret: str | Sequence[str] | None = None,
    *,
    tolerance: float = 300.0,
) -> Scheme:
    """Return the scheme of that name, with its secrets.

    Args:
        name: one of `names`; ``"standard"``, ``"github"`` or ``"stripe"``, say.
        secret: one, or several while one is rotated out, the newest first. A request is
            verified if any of them fits. ``"standard"``, ``"svix"`` and ``"stripe"``
            sign with all of them, schemes that carry a single signature with the
            first. ``"none"`` has none.
        tolerance: how many seconds a signed timestamp may lie in the past or the
            future. Nothing to schemes that sign none.

    Raises:
        OptionError: for an unknown name, a secret that is missing or does not fit the
            scheme (which the message never shows), or a tolerance that is no duration.
    """
    kind = _kind(name)
    checked = check_tolerance(tolerance)

    if name != "none":
        return kind.make(several(secret), checked)

    if secret:
        raise OptionError("the scheme 'none' takes no secret: it verifies nothing")

    return kind.make((), checked)


def names() -> tuple[str, ...]:
    """Return the names of all schemes."""
    return tuple(_KINDS)


def signature_headers(name: str) -> frozenset[str]:
    """Return the names of the headers that the scheme sets, in lower case.

    Raises:
        OptionError: for an unknown name.
    """
    return _kind(name).headers


def carries_several(name: str) -> bool:
    """Tell whether a request carries a signature for each of several secrets.

    Where it does not, a receiver must know the newest secret before it is the first.

    Raises:
        OptionError: for an unknown name.
    """
    return _kind(name).carries_several


def sent_to(name: str, url: str, body: bytes) -> str:
    """Return the URL to sign and to send the body to, which is no form.

    It is the one given, but for ``"twilio"``: that signs the URL and not the body,
    whose digest goes into the query.

    Raises:
        OptionError: for an unknown name.
    """
    return with_digest(url, body) if _kind(name) is _KINDS["twilio"] else url


def new_secret() -> str:
    """Return a new secret for the scheme ``"standard"``: ``whsec_`` and 32 bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _kind(name: object) -> _Kind:
    found = _KINDS.get(name) if isinstance(name, str) else None

    if found is None:
        known = ", ".join(map(repr, _KINDS))
        raise OptionError(f"there is no scheme {name!r}: use one of {known}")

    return found
