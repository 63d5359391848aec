"""A resolver that answers from a list, and remembers what it was asked."""

from __future__ import annotations

__all__ = ("Names",)

from collections.abc import Sequence

import anyio


class Names:
    """Gives one answer after the other, and the last one for ever."""

    def __init__(self, *answers: Sequence[str] | OSError | None) -> None:
        """Take answers; None never comes, an error is raised."""
        self._answers = list(answers) or [["127.0.0.1"]]
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await anyio.lowlevel.checkpoint()

        if answer is None:
            await anyio.sleep_forever()

        if isinstance(answer, OSError):
            raise answer

        assert answer is not None
        return answer
