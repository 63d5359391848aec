"""The signature vectors of one scheme, as test parameters."""

from __future__ import annotations

__all__ = ("Case", "vectors")

import base64
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

VECTORS = Path(__file__).parents[2] / "vectors"


@attrs.frozen(kw_only=True)
class Case:
    """One request, and what a strict verifier makes of it."""

    id: str
    expect: str
    why: str
    secret: str
    public_key: str | None
    url: str | None
    headers: dict[str, str]
    body: bytes
    now: float

    @property
    def is_good(self) -> bool:
        """Whether the request is to be accepted; where there is a choice, it is not."""
        return self.expect.startswith("accept") and "or reject" not in self.expect


def vectors(name: str) -> list[Any]:
    """Read the vectors of a scheme; quirks are judged by their recommendation."""
    text = (VECTORS / f"{name}.json").read_text(encoding="utf-8")
    cases = [_case(vector) for vector in json.loads(text)["vectors"]]
    return [pytest.param(case, id=case.id) for case in cases]


def _case(vector: dict[str, Any]) -> Case:
    quirk = vector["expect"] == "quirk"

    return Case(
        id=vector["id"],
        expect=vector["strict_recommendation"] if quirk else vector["expect"],
        why=vector["why"],
        secret=vector["secret"],
        public_key=vector.get("public_key"),
        url=vector.get("url"),
        headers=vector["headers"],
        body=base64.b64decode(vector["body_b64"]),
        now=vector["verify_at"],
    )
