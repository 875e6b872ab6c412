"""A tiny run of the kept tools that kill, forge and tamper; the full runs are by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(tool: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / tool, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(os.name != "posix", reason="it forks")
@pytest.mark.parametrize("kind", ["train meta-bc", "build a dataset", "evaluate"])
def test_killed_work_resumes_to_equal_bits(kind: str) -> None:
    pytest.importorskip("torch")
    (row,) = (line for line in run("kill_and_resume.py", "--runs", "1", "--kind", kind).splitlines()
              if line.startswith(kind))  # fmt: skip
    runs, kills, equal = map(int, row.removeprefix(kind).split())
    assert (runs, equal) == (1, 1)
    assert kills >= 1


def test_forged_entries_are_not_shown_as_verified() -> None:
    pytest.importorskip("torch")
    kinds = ("raised_metric", "repacked_run", "future_version")
    shown = run("forge_entries.py", "--only", *kinds).splitlines()
    assert [line.split(" | ")[1] for line in shown[:3]] == ["refused", "no gain", "refused"]
    assert shown[-1] == "0 shown as verified"


def test_a_tampered_result_is_noticed() -> None:
    shown = run("tamper_results.py", "SmileGridGoal-v0", "--number", "2").splitlines()
    assert len(shown) == 4
    assert shown[0].endswith("2 tried, 2 noticed")


def test_seeds_are_compared_alone_and_among_others() -> None:
    pytest.importorskip("torch")
    options = ("total_updates=4", "updates_per_iteration=2", "validate_every=0")
    changes = [part for option in options for part in ("--set", option)]
    shown = run("alone_and_together.py", "--seeds", "0,1", "--episodes", "1", *changes).splitlines()
    assert [line.split(" | ")[0] for line in shown[2:5]] == [
        "| 0",
        "| 1",
        "| mean ± standard error",
    ]
    for line in shown[2:4]:
        assert float(line.split(" | ")[-1].strip(" |")) < 1e-3
