"""``smile-bench leaderboard evaluate`` isolates an agent that an import path names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smile_bench.cli.main import main
from tests.helpers.made_entries import GRID, write_card

MODULE = """
import os

import numpy as np

class Where:
    def __init__(self, seed):
        self.recipe = {"seed": seed, "process": os.getpid()}

    def adapt(self, contexts):
        return self

    def act(self, observations):
        return np.zeros(len(observations), int)

def make(family, seed):
    return Where(seed)

def leave(family):
    os._exit(0)
"""


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "where_it_runs.py").write_text(MODULE)
    folder = tmp_path / "entries" / "where"
    write_card(
        folder,
        {
            "format": "smile-bench-entry-1",
            "name": "where",
            "title": "Where",
            "authors": ["A. Author"],
            "track": "offline",
            "state_only": False,
            "demonstrations": {GRID: 16},
        },
    )
    return folder


@pytest.mark.parametrize("option", [[], ["--no-isolation"]])
def test_it_runs_in_a_process_of_its_own_unless_told_otherwise(
    entry: Path, option: list[str]
) -> None:
    command = ["leaderboard", "evaluate", str(entry), "--agent", "where_it_runs:make"]
    assert main([*command, "--seed", "3", *option]) == 0
    document = json.loads((entry / GRID / "seed-3" / "primary" / "result.json").read_text())
    assert document["agent"] == "Where"
    assert document["training"]["seed"] == 3
    assert (document["training"]["process"] == os.getpid()) == bool(option)


def test_an_agent_that_ends_its_process_is_one_line(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["leaderboard", "evaluate", str(entry), "--agent", "where_it_runs:leave"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "where_it_runs:leave ended its process with exit status 0" in error
