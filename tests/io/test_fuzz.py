"""The kept fuzz of every reader comes out clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz.running import CASES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--tries", "12"], ["--tries", "20", "--flips"]])
def test_altered_files_are_one_clear_error_in_every_reader(options: list[str]) -> None:
    pytest.importorskip("minari")
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-m", "tools.fuzz", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1 + len(CASES), done.stdout
