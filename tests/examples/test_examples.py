"""The examples, with small budgets: each ends with a verified result and an entry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smile_bench.leaderboard.build import check_folder
from smile_bench.leaderboard.checks.verification import Status, Verifier

FOLDER = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "in_context_transformer": ["--updates", "150"],
    "imitation_library": ["--epochs", "1"],
    "sac_with_context": ["--steps", "2000", "--learning-starts", "500"],
    "sb3_ppo": ["--steps", "4096"],
}
NEEDS = {"imitation_library": "imitation", "sb3_ppo": "stable_baselines3"}
LOWEST = {"in_context_transformer": 0.5}
"""Scores that the small budgets reach."""


def test_every_example_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*COMMANDS, "export_lerobot"}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(COMMANDS))
def test_an_example_makes_an_entry_that_replays(name: str, tmp_path: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    entry = tmp_path / "entries" / name.replace("_", "-")
    subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", *COMMANDS[name], "--entry", entry],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    verify = Verifier()
    (run,) = check_folder(entry, verify).entry.runs
    assert verify(run.primary) in (Status.EXACT, Status.CLOSE)
    assert run.primary.result.score > LOWEST.get(name, -1.0)
