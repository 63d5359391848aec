"""The `upcall` command, and what it says when its extra is not installed."""

from __future__ import annotations

__all__ = ("main",)

import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C has ended: 128 and SIGINT's number."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: by default those of the process.
    """
    status = INTERRUPTED

    try:
        status = _run(arguments)
    except* KeyboardInterrupt:
        sys.stderr.write("upcall: interrupted\n")

    return status


def _run(arguments: Sequence[str] | None) -> int:
    try:
        from .commands import run  # noqa: PLC0415 (it needs the extra)
    except ModuleNotFoundError as error:
        package = (error.name or "upcall").partition(".")[0]

        if package == "upcall":
            raise

        sys.stderr.write(
            f"upcall: the command needs {package}: pip install 'upcall[cli]'\n"
        )
        return 1

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
