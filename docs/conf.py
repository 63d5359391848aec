"""How Sphinx builds these pages: `sphinx-build -n -W -b html docs docs/_build`."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

from upcall import Promise, Signal

project = "Upcall"
author = "The Upcall developers"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx's name)
version = release = installed("upcall")

sys.path.insert(0, str(Path(__file__).parent))  # for what draws
extensions = ["myst_parser", "sphinx.ext.autodoc", "states", "chart", "guide"]
exclude_patterns = ["_build", "benchmarks/measured", "changes"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Between single backticks docstrings name things: linked where the thing has a page.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
add_module_names = False
python_use_unqualified_type_names = True

# Every public name of ours has to be found (-n). Names of others are not ours to link,
# and what stands in one of our rooms without being public has no page.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (r"py:.*", r"(?!upcall\b).*"),
    (r"py:.*", r"upcall\.(?!(webhooks|testing)\.[A-Z])[a-z_]+\..*"),
]

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "Upcall"
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/upcall/upcall/",
    "source_branch": "main",
    "source_directory": "docs/",
}


PUBLIC = ("upcall", "upcall.webhooks", "upcall.testing")
WORDY = (Signal.on, Signal.once, Promise.try_, Promise.catch)
"""Whose signature the page gives, because a dozen overloads tell nobody anything."""

NOT_MADE = {"upcall.Stream", "upcall.Subscription", "upcall.webhooks.State"}
"""Classes whose instances users are given."""

SECTIONS = Config(napoleon_use_rtype=False)


class Docstring(GoogleDocstring):
    """Google's sections as we write them: without types, for a colon is a colon."""

    def _consume_returns_section(
        self,
        preprocess_types: bool = False,  # noqa: ARG002 (Napoleon's)
    ) -> list[tuple[str, str, list[str]]]:
        lines = self._dedent(self._consume_to_next_section())
        return [("", "", lines)] if lines else []


def read_sections(  # noqa: PLR0917 (Sphinx's signature, here and below)
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn the sections of a docstring into fields."""
    # Of a property Napoleon would read no sections, and a type before the first colon.
    kind = "function" if what in {"attribute", "data", "property"} else what
    lines[:] = Docstring(list(lines), SECTIONS, app, kind, name, obj, options).lines()


def hide_what_stands_for_nothing(
    _app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    _options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Write ... for a default that is an object of ours, or made by a function.

    What nobody makes by calling it has no signature at all.
    """
    if signature is None:
        return None

    if what == "class" and (getattr(obj, "_is_protocol", False) or name in NOT_MADE):
        return "", None

    return re.sub(r"= ?(NOTHING\b|<[^<>]*>)", "= ...", signature), returns


def keep_signatures_short(_app: Sphinx) -> None:
    """Forget overloads that would hide what they are overloads of."""
    for method in WORDY:
        analyzer = ModuleAnalyzer.for_module(method.__module__)
        analyzer.analyze()
        analyzer.overloads.pop(method.__qualname__, None)


def link_public_home(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Element | None:
    """Link the class of an annotation, which names its room, to its public page."""
    room, _, name = node.get("reftarget", "").rpartition(".")

    if node["refdomain"] != "py":
        return None

    for home in PUBLIC:
        thing = getattr(import_module(home), name, None)

        # Two rooms may have a name in common, and one of the things be public.
        if thing is None or (room and getattr(thing, "__module__", room) != room):
            continue

        return env.domains.python_domain.resolve_xref(
            env, node["refdoc"], app.builder, "obj", f"{home}.{name}", node, shown
        )

    return None


def setup(app: Sphinx) -> None:
    """Tell Sphinx what this file adds to it."""
    app.connect("builder-inited", keep_signatures_short)
    app.connect("autodoc-process-docstring", read_sections)
    app.connect("autodoc-process-signature", hide_what_stands_for_nothing)
    app.connect("missing-reference", link_public_home)
