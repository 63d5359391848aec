"""Every fence of these pages is run."""

from __future__ import annotations

import runpy
from pathlib import Path

from sybil import Sybil

# By its path: there are libraries that install a package named tests.
FENCES = Path(__file__).parent.parent / "tests" / "fences.py"

pytest_collect_file = Sybil(
    parsers=runpy.run_path(str(FENCES))["PARSERS"], patterns=["*.md"]
).pytest()
