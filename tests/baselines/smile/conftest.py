"""What the tests of SMILe share."""

from __future__ import annotations

import pytest

from tests.helpers.tiny import shrink


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks and buffers."""
    shrink(monkeypatch)
