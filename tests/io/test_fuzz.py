"""The kept fuzz of every reader comes out clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "fuzz_files.py"


@pytest.mark.slow
def test_altered_files_are_one_clear_error_in_every_reader() -> None:
    pytest.importorskip("minari")
    done = subprocess.run(
        [sys.executable, TOOL, "--tries", "12"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 10, done.stdout
