"""The result of a check, for everything that verifies something."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Check"]


class Check(NamedTuple):
    """What was checked, whether it passed, and what was found."""

    name: str
    passed: bool
    detail: str
