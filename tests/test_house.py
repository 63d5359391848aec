"""The rules of the house that a machine can keep."""

from __future__ import annotations

__all__ = ()

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "upcall"
PUBLIC = ("upcall", "upcall.testing", "upcall.webhooks")
"""The modules that users import from; all others are rooms of ours."""

LONGEST = 500
FOREIGN = {".git", "__pycache__", "_build", "build", "dist", "node_modules"}
MACHINE_PATH = re.compile(
    r"(?<![\w$}.-])/(?:home|Users|root|tmp|work)/|\b[A-Z]:\\Users\b"
)


def _files(*patterns: str) -> Iterator[Path]:
    """Give the project's own files, without caches, environments and the like."""
    for pattern in patterns:
        for path in sorted(ROOT.rglob(pattern)):
            parts = path.relative_to(ROOT).parts
            foreign = FOREIGN.intersection(parts) or any(
                part.startswith(".venv") or part.endswith(("_cache", ".egg-info"))
                for part in parts
            )

            if path.is_file() and not foreign:
                yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


MODULES = [path for path in _files("*.py") if path.is_relative_to(SOURCE)]
PACKAGES = [
    ".".join(path.parent.relative_to(SOURCE.parent).parts)
    for path in MODULES
    if path.name == "__init__.py"
]


def test_every_python_file_is_at_most_500_lines() -> None:
    """A longer file has more than one subject: split it by noun."""
    lines = {
        _name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in _files("*.py")
    }

    assert {name: n for name, n in lines.items() if n > LONGEST} == {}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_module_says_what_lives_in_it_and_what_it_gives(path: Path) -> None:
    """It opens with a docstring, and `__all__` is a tuple of what it defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    if not tree.body:
        return

    assert ast.get_docstring(tree), "no docstring"
    given = [value for name, value in _assigned(tree) if name == "__all__"]
    assert [type(value) for value in given] == [ast.Tuple], "no tuple named __all__"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield name, value


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_known_to_its_home(name: str) -> None:
    """What is exported exists, and the module it was written in exports it too."""
    module = importlib.import_module(name)

    for public in module.__all__:
        thing = getattr(module, public)
        home = sys.modules[getattr(thing, "__module__", None) or name]
        lists = getattr(home, "__all__", ())
        assert home.__name__.partition(".")[0] != "upcall" or public in lists, public


def test_every_public_name_has_one_public_home() -> None:
    """Nobody has to ask which of two places to import a name from."""
    homes = Counter(
        public for name in PUBLIC for public in importlib.import_module(name).__all__
    )

    assert [public for public, times in homes.items() if times > 1] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    """A name without a page is one that nobody finds."""
    pages = [path.read_text("utf-8") for path in _files("docs/reference/*.md")]
    directives = re.findall(r"^\.\. auto\w+:: (\S+)$", "\n".join(pages), re.MULTILINE)

    whole = name in directives
    names = set(importlib.import_module(name).__all__)

    assert whole or sorted(names - set(directives)) == []


def _loaded_by(*modules: str, beyond: tuple[str, ...] = ()) -> set[str]:
    """Tell which modules a fresh interpreter loads, beyond what others load."""
    lines = [f"import {name}" for name in beyond]
    lines += ["import sys", "before = set(sys.modules)"]
    lines += [f"import {name}" for name in modules]
    lines += ["print(*(set(sys.modules) - before))"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        check=True,
        text=True,
    )
    return set(done.stdout.split())


def test_importing_upcall_brings_no_loop_and_no_extra() -> None:
    """Who imports the core gets the core: the rest comes when it is used."""
    heavy = {
        "asyncio",
        "trio",
        "concurrent.futures",
        "logging",
        "sqlite3",
        "ssl",
        "sqlalchemy",
        "msgspec",
        "httptools",
        "cryptography",
        "click",
        "uvicorn",
        "upcall.webhooks",
        "upcall.cli",
    }

    loaded = _loaded_by("upcall", beyond=("anyio", "attrs"))

    assert "upcall" in loaded
    assert loaded & heavy == set()


def test_no_package_brings_a_driver_by_itself() -> None:
    """Drivers and servers are imported by who names them, never by a package."""
    loaded = _loaded_by(*PACKAGES)

    assert set(PACKAGES) <= loaded
    assert loaded & {"psycopg", "httpcore2", "uvicorn", "click", "hypercorn"} == set()


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """A path of somebody's machine helps nobody else."""
    patterns = ("*.py", "*.md", "*.toml", "*.yml", "*.yaml", "*.cfg", ".ci/run")
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in _files(*patterns)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert found == []


def test_the_map_of_the_house_names_only_rooms_that_are_there() -> None:
    """Who follows the table of "where is what" must not stand before a wall."""
    page = ROOT / "docs" / "explanation" / "architecture.md"
    named = re.findall(r"`([a-z_/]+(?:\.py|/))`", page.read_text(encoding="utf-8"))

    assert named
    assert [name for name in named if not (SOURCE / name).exists()] == []
