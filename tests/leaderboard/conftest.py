"""Fewer resamples: no test here depends on the width of intervals."""

from __future__ import annotations

import pytest

from smile_bench.leaderboard import rows


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESAMPLES", 200)
    monkeypatch.setattr(rows, "RESAMPLES_OVERALL", 400)
