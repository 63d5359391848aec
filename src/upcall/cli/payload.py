"""The payloads of a directory: what is posted, and as which event of GitHub's."""

from __future__ import annotations

__all__ = ("SHIPPED", "Payload", "read_payloads")

import re
from pathlib import Path
from typing import Any, Final

import attrs
import click

from upcall.webhooks._proto.errors import PayloadError
from upcall.webhooks.codec import JSON

SHIPPED: Final = Path(__file__).parent / "payloads"
"""The directory of those that come with the package, under a licence of their own."""

_INDEX: Final = "index.json"
_EVENT: Final = re.compile(r"[a-z_]+")
_NAMED: Final = re.compile(r"(?:\d+-)?([a-z_]+)\b.*\.json")


@attrs.frozen(kw_only=True)
class Payload:
    """One payload, read and known to be JSON."""

    file: str
    event: str
    """What `X-GitHub-Event` says."""

    body: bytes


def read_payloads(folder: Path) -> list[Payload]:
    """Read all payloads of a directory.

    Its ``index.json`` lists them as ``{"payloads": [{"file": ..., "event": ...}]}``.
    Without one they are the ``*.json`` files, in order, and the event begins the name
    of the file, after an optional number: ``02-issues.opened.json``.

    Raises:
        click.ClickException: if something is missing, cannot be read or is not JSON.
    """
    if not folder.is_dir():
        raise click.ClickException(f"{folder} is no directory: give one with payloads")

    index = folder / _INDEX
    listed = _listed(index) if index.exists() else _named(folder)

    if not listed:
        raise click.ClickException(
            f"there are no payloads in {folder}: give a directory with *.json files"
        )

    return [
        Payload(file=file, event=event, body=_read(folder / file)[0])
        for file, event in listed
    ]


def _listed(index: Path) -> list[tuple[str, str]]:
    match _read(index)[1]:
        case {"payloads": [*entries]}:
            return [_entry(entry, index) for entry in entries]
        case _:
            raise click.ClickException(f'{index} has no list of "payloads"')


def _entry(entry: object, index: Path) -> tuple[str, str]:
    match entry:
        case {"file": str(file), "event": str(event)} if _EVENT.fullmatch(event):
            return file, event
        case _:
            raise click.ClickException(
                f'{index}: each payload needs a "file" and an "event" ("push")'
            )


def _named(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, _event_of(path)) for path in sorted(folder.glob("*.json"))]


def _event_of(path: Path) -> str:
    found = _NAMED.fullmatch(path.name)

    if found is None:
        raise click.ClickException(
            f"{path} does not begin with the name of an event (02-issues.opened.json): "
            f"rename it, or list it in {_INDEX}"
        )

    return found[1]


def _read(path: Path) -> tuple[bytes, Any]:
    try:
        body = path.read_bytes()
        return body, JSON.decode(body)
    except OSError as error:
        raise click.ClickException(
            f"{path} cannot be read: {error.strerror}"
        ) from error
    except PayloadError as error:
        raise click.ClickException(f"{path} is not JSON: {error}") from error
