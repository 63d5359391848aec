"""How Sphinx builds these pages: `sphinx-build -n -W -b html docs docs/_build`."""

from __future__ import annotations

from importlib.metadata import version as installed

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "Upcall"
author = "The Upcall developers"
copyright = f"2026, {author}"  # noqa: A001 (Sphinx's name)
version = release = installed("upcall")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "changes"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Between single backticks docstrings name things: linked where the thing has a page.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
add_module_names = False
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True

# Every public name of ours has to be found (-n). Names of others are not ours to link,
# and what stands in one of our rooms without being public has no page.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (r"py:.*", r"(?!upcall\b).*"),
    (r"py:.*", r"upcall\.(?!(webhooks|testing)\.[A-Z])[a-z_]+\..*"),
]

html_theme = "furo"
html_title = "Upcall"
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/upcall/upcall/",
    "source_branch": "main",
    "source_directory": "docs/",
}


def link_public_home(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Element | None:
    """Link the class of an annotation, which names its room, to its public page."""
    name = node.get("reftarget", "").rpartition(".")[2]

    for home in ("upcall", "upcall.webhooks", "upcall.testing"):
        public = f"{home}.{name}"
        found = env.domains.python_domain.resolve_xref(
            env, node["refdoc"], app.builder, "obj", public, node, shown
        )

        if node["refdomain"] == "py" and found is not None:
            return found

    return None


def setup(app: Sphinx) -> None:
    """Tell Sphinx what this file adds to it."""
    app.connect("missing-reference", link_public_home)
