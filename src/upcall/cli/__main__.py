"""The `upcall` command: how it ends, and what it says when its extra is missing."""

# Rule 1: whatever ends the command, it puts everything away, says why in one line, and
#   has the exit status that a shell expects. A traceback is for mistakes of ours.

from __future__ import annotations

__all__ = ("main",)

import os
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from .signals import TerminatedError

# What a shell expects of a command that a signal has ended.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: by default those of the process.
    """
    status, why = 1, ""

    try:
        status = _run(arguments)
    except* KeyboardInterrupt:
        status, why = INTERRUPTED, "interrupted"
    except* TerminatedError:
        status, why = TERMINATED, "terminated"
    except* BrokenPipeError:  # who reads has enough: `upcall deliveries | head`
        pass
    except* OSError as failed:
        why = _reason(failed)

    _let_go_of_output()

    if why:
        sys.stderr.write(f"upcall: {why}\n")

    return status


def _reason(failed: BaseExceptionGroup[OSError]) -> str:
    """Say what the system refused: the disk is full, nobody reads the output."""
    error: BaseException = failed

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]

    assert isinstance(error, OSError)
    where = "" if error.filename is None else f": {error.filename}"
    return f"stopped: {error.strerror or error}{where}"


def _let_go_of_output() -> None:
    """Drop what cannot be written, or the interpreter would complain at its end."""
    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)

    for stream in filter(None, streams):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


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
