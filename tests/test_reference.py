"""The reference is whole: each member of each public class is on a page."""

# That each public name is there, `test_house` sees.

from __future__ import annotations

__all__ = ()

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

PAGES = Path(__file__).parent.parent / "docs" / "reference"
HOMES = ("upcall", "upcall.testing", "upcall.webhooks")
DIRECTIVE = re.compile(r"^\.\. auto\w+:: ([\w.]+).*\n((?:   :.*\n)*)", re.MULTILINE)

OURS = {
    "Guard.allow",
    "Guard.deny",
    "Guard.ports",
    "Guard.schemes",
    "Guard.target",
    "Outbox.close",
    "Outbox.open",
    "Outbox.store",
    "Outbox.writer",
}
"""Members that other rooms of ours need, and users do not."""


def directives() -> dict[str, str]:
    """Return what the pages ask autodoc for, with the options."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(PAGES.glob("*.md")))
    return {found[1]: found[2] for found in DIRECTIVE.finditer(text)}


def classes() -> Iterator[type]:
    """Give the public classes."""
    for home in HOMES:
        module = importlib.import_module(home)
        things = (getattr(module, name) for name in module.__all__)
        yield from (thing for thing in things if isinstance(thing, type))


def members(cls: type) -> set[str]:
    """Name the public members that come from us, inherited ones too."""
    ours = (base for base in cls.__mro__ if base.__module__.startswith("upcall"))
    return {name for base in ours for name in vars(base) if not name.startswith("_")}


def shown(cls: type, asked: dict[str, str]) -> set[str]:
    """Name the members that the pages ask for."""
    options = asked.get(cls.__name__, "")
    found = {name.removeprefix(f"{cls.__name__}.") for name in asked}

    if ":inherited-members:" in options:
        return found | members(cls)

    if re.search(":members: *$", options, re.MULTILINE):
        return found | set(vars(cls))

    return found | set(re.findall(r"\w+", options))


def test_every_public_member_has_a_place() -> None:
    """What is on no page should not be public; what is public should be on one."""
    asked = directives()
    assert asked

    missing = {
        f"{cls.__name__}.{name}"
        for cls in classes()
        if cls.__name__ in asked and not issubclass(cls, Exception)
        for name in members(cls) - shown(cls, asked)
    }

    assert sorted(missing - OURS) == []


def test_no_exception_outlives_its_reason() -> None:
    """A member that is gone, or is on a page by now, is no exception any more."""
    asked = directives()
    hidden = {
        f"{cls.__name__}.{name}"
        for cls in classes()
        for name in members(cls) - shown(cls, asked)
    }

    assert sorted(OURS - hidden) == []
