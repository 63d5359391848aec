"""Every fence of these pages is run."""

from __future__ import annotations

from sybil import Sybil
from tests.fences import PARSERS

pytest_collect_file = Sybil(parsers=PARSERS, patterns=["*.md"]).pytest()
