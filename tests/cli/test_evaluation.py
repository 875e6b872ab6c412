"""``smile-bench evaluate`` and ``verify``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smile_bench.cli import main

GRID = "SmileGridGoal-v0"

AGENT = """
import numpy as np
from smile_bench.agents import require_family

class Still:
    def adapt(self, contexts):
        require_family(contexts, "SmileGridGoal-v0")
        return self
    def act(self, observations):
        return np.zeros(len(observations), int)

def make_agent(family):
    return Still()
"""


def test_someone_s_agent_is_scored_and_its_result_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "still_agent.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    arguments = ["evaluate", "--family", GRID, "--agent", "still_agent:make_agent"]
    assert main([*arguments, "--save", "results"]) == 0
    folder = Path("results") / GRID / "still_agent.make_agent"
    document = json.loads((folder / "result.json").read_text())
    assert -1.5 < document["score"] < 0.0
    assert document["agent"] == "still_agent:make_agent"
    assert f"{document['score']:.3f}" in capsys.readouterr().out
    assert main(["verify", str(folder), "--agent", "still_agent:make_agent"]) == 0
    assert f"{folder}: verified exactly" in capsys.readouterr().out

    evidence = folder / "evidence.h5"
    evidence.write_bytes(evidence.read_bytes()[:-1])
    assert main(["verify", str(folder)]) == 2
    shown = capsys.readouterr().out
    assert "FAIL" in shown
    assert f"{folder}: NOT VERIFIED" in shown


def test_an_agent_that_ends_the_program_is_an_error_and_never_a_verified_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves = AGENT.replace("return np.zeros(len(observations), int)", "raise SystemExit(0)")
    (tmp_path / "leaving_agent.py").write_text(leaves)
    (tmp_path / "leaving_module.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    evaluate = ["evaluate", "--family", GRID, "--agent"]
    assert main([*evaluate, "retrieve-and-play", "--save", "results"]) == 0
    folder = str(Path("results") / GRID / "retrieve-and-play")
    for command in (
        [*evaluate, "leaving_agent:make_agent"],
        ["verify", folder, "--agent", "leaving_agent:make_agent"],
        ["--import", "leaving_module", "families"],
    ):
        assert main(command) == 2
        assert "tried to end the program by sys.exit(0)" in capsys.readouterr().err
