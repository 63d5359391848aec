"""Forms: bodies of names and values (application/x-www-form-urlencoded)."""

from __future__ import annotations

__all__ = ("Form", "field", "read_form")

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from upcall.webhooks._receive.refusal import Refusal
from upcall.webhooks._receive.request import Request

Form: TypeAlias = Mapping[str, str | list[str]]

_MOST_FIELDS: Final = 1000


def read_form(request: Request) -> Form:
    """Return the fields; those that are there several times as a list.

    Raises:
        Refusal: 400, if there are too many, or a text in it is no Unicode.
    """
    try:
        text = request.body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        reason = "no Unicode" if isinstance(error, UnicodeError) else "too many fields"
        raise Refusal(400, f"the form cannot be read: {reason}") from None

    form: dict[str, list[str]] = {}

    for name, value in pairs:
        form.setdefault(name, []).append(value)

    return {n: values[0] if len(values) == 1 else values for n, values in form.items()}


def field(form: Form, name: str) -> str:
    """Return the one value of a field, "" where there is none.

    Raises:
        Refusal: 400, if it is there several times.
    """
    value = form.get(name, "")

    if isinstance(value, str):
        return value

    raise Refusal(400, f"the field {name!r} is there {len(value)} times")
