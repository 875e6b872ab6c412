"""Fewer resamples: no test here depends on the width of intervals."""

from __future__ import annotations

import pytest

from smile_bench.leaderboard import bootstrap


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    monkeypatch.setattr(bootstrap, "RESAMPLES_OVERALL", 400)
