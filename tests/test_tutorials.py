"""The tutorials run as they stand, and say what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parent.parent / "docs" / "tutorials"


@pytest.mark.slow
def test_from_maxent_to_smile(tmp_path: Path) -> None:
    script = TUTORIALS / "from_maxent_to_smile.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path / "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\S[\w ]+?) +(-?[\d.]+) +(-?[\d.]+)$", done.stdout, re.MULTILINE)
    table = {name: (float(alike), float(value)) for name, alike, value in rows}
    assert set(table) == {"true", "feature matching", "MaxEnt", "causal MaxEnt", "GAN", "SMILe"}
    best = table["true"][1]
    for name in ("MaxEnt", "causal MaxEnt", "GAN", "SMILe"):
        alike, value = table[name]
        # What the text says: near-optimal behaviour, and a reward that resembles the true one ...
        assert value > 0.95 * best
        assert alike > 0.5
    # ... unlike what feature matching leaves behind.
    assert table["feature matching"][1] < 0.5 * best
    for name in ("rewards.png", "margins.png"):
        assert (tmp_path / "out" / name).stat().st_size > 5_000
        assert (TUTORIALS / "from_maxent_to_smile" / name).exists()
