from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from smile_bench.baselines.registry import weights_path
from smile_bench.cli.leaderboard.checking import _shipped_weights
from smile_bench.cli.main import main
from smile_bench.errors import AgentError
from smile_bench.io import shipped
from tests.helpers.made_studies import study_cell, write_study

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


def test_studies_are_shown_beside_the_entries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "entries").mkdir()
    places = ["--entries", str(tmp_path / "entries"), "--output", str(tmp_path / "site")]
    tables = []
    for agent in ("meta-bc", "smile"):
        path = write_study(tmp_path / f"{agent}.json", [study_cell(GRID, 4, 8, 0.5, agent=agent)])
        tables += ["--study", str(path)]
    assert main(["leaderboard", "build", "--no-replay", *places, *tables]) == 0
    document = json.loads((tmp_path / "site" / "leaderboard.json").read_text())
    assert [one["label"] for one in document["surfaces"]] == ["meta-bc", "smile"]
    capsys.readouterr()
    (tmp_path / "smile.json").write_text("{")
    assert main(["leaderboard", "build", "--no-replay", *places, *tables]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("smile-bench: smile.json is not JSON")
