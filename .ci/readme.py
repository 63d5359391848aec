"""Print the one command of a README section, so that no copy of it can drift.

python3 .ci/readme.py "Run the tests"
"""

from __future__ import annotations

__all__ = ("command",)

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def command(heading: str, text: str) -> str:
    """Return the command in the only fence of a section.

    Raises:
        ValueError: if the section does not hold one fence with one command.
    """
    sections = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)
    bodies = dict(zip(sections[1::2], sections[2::2], strict=True))
    flags = re.MULTILINE | re.DOTALL
    fences = re.findall(r"^```\w*\n(.*?)^```$", bodies.get(heading, ""), flags)

    if len(fences) != 1 or len(fences[0].replace("\\\n", "").splitlines()) != 1:
        raise ValueError(f"README.md, {heading!r}: one fence with one command, please")

    return fences[0].strip()


if __name__ == "__main__":
    print(command(sys.argv[1], README.read_text(encoding="utf-8")))
