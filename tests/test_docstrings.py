"""What the reference would make of our docstrings."""

from __future__ import annotations

__all__ = ()

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "upcall"
CORE = [
    *sorted(ROOT.glob("*.py")),
    *sorted(ROOT.glob("_events/*.py")),
    *sorted(ROOT.glob("_promises/*.py")),
]
CODE = re.compile(r"``.*?``|`.*?`")


def _attributes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the docstrings of properties, and those that stand below assignments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _is_property(node):
            yield node.name, ast.get_docstring(node) or ""

        if isinstance(node, ast.ClassDef | ast.Module):
            for one, other in pairwise(node.body):
                match one, other:
                    case (
                        ast.AnnAssign() | ast.Assign(),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        yield ast.unparse(one).partition("=")[0], text


def _is_property(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == "property"
        for each in node.decorator_list
    )


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_no_text_before_a_colon_is_taken_for_a_type(path: Path) -> None:
    """Napoleon reads "x: y" on the first line of an attribute's as type and text."""
    found = _attributes(ast.parse(path.read_text("utf-8")))
    firsts = {name: CODE.sub("", text.partition("\n")[0]) for name, text in found}

    assert {name: first for name, first in firsts.items() if ":" in first} == {}
