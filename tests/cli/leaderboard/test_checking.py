from __future__ import annotations

import hashlib

import pytest

from smile_bench.baselines.registry import weights_path
from smile_bench.cli.leaderboard.checking import _shipped_weights
from smile_bench.errors import AgentError
from smile_bench.io import shipped

GRID = "SmileGridGoal-v0"


def test_results_are_held_against_weights_only_as_they_shipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = weights_path("meta-bc", GRID)
    assert _shipped_weights("meta-bc", GRID) == hashlib.sha256(path.read_bytes()).hexdigest()
    listed = shipped._listed(shipped.MANIFEST)
    name = path.relative_to(shipped.PACKAGE).as_posix()
    monkeypatch.setattr(shipped, "_listed", lambda manifest: {**listed, name: "0" * 64})
    with pytest.raises(AgentError, match="was altered or damaged: its SHA-256"):
        _shipped_weights("meta-bc", GRID)
