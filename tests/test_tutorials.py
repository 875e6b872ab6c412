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


@pytest.mark.slow
def test_without_rewards(tmp_path: Path) -> None:
    script = TUTORIALS / "without_rewards.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path / "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = {
        name.strip(): [float(number) for number in numbers.split()]
        for name, numbers in re.findall(r"^(.{18})((?: +[\d.]+){4})$", done.stdout, re.MULTILINE)
    }
    reached = {name: row[1] for name, row in table.items()}
    broad = {name: row[2] for name, row in table.items()}
    watched = {name: row[3] for name, row in table.items()}
    # What the text says: nobody is broader than the optimal mixture, skewed goals come close,
    assert reached["marginal matching"] == reached["goals, α = −1"] == 59
    assert max(broad, key=lambda name: broad[name]) == "marginal matching"
    assert broad["goals, α = −1"] > 0.8 * broad["marginal matching"]
    # ... others stay near the corner or on their ways, and the error watches television.
    assert broad["goals, α = 0"] < broad["random walk"] < broad["skills"] < 30
    assert reached["model error"] == reached["model gain"] == 59
    assert watched["model error"] > 0.3 > watched["model gain"]
    scores = dict(re.findall(r"^([a-z: ]+?) {2,}(-?\d\.\d\d)$", done.stdout, re.MULTILINE))
    assert float(scores["last cell"]) > 0.9
    assert float(scores["last cell"]) > float(scores["cells in turn"]) > 0.5
    assert float(scores["cells in turn"]) > float(scores["likeliest skill"]) > 0.2
    assert float(scores["not at all: any skill"]) < 0.0
    assert "7680 steps, 0 demonstrations" in done.stdout
    for name in ("quantities.png", "visits.png", "over_time.png", "skills.png"):
        assert (tmp_path / "out" / name).stat().st_size > 5_000
        assert (TUTORIALS / "without_rewards" / name).exists()
        assert f"without_rewards/{name})" in script.read_text(encoding="utf-8")
