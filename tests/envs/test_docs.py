"""The page on environments says what the declarations say, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from smile_bench.envs import SPLITS, Family, MujocoFamily

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"


@pytest.fixture
def rows(family: Family) -> dict[str, str]:
    """The table of a family's section."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.split(f"\n## {family.id}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| (\w[^|]*) \| (.*) \|$", section, re.MULTILINE))


def test_numbers(family: Family, rows: dict[str, str]) -> None:
    assert rows["Observation"].startswith(f"{family.observation_size}: ")
    assert rows["Action"] == str(family.action_size)
    assert rows["Horizon"] == str(family.horizon)
    counts = ", ".join(str(len(family.tasks[split])) for split in SPLITS)
    assert rows["Train, validation, test"].startswith(f"{counts}: ")
    fewest, most = min(family.context_sizes), max(family.context_sizes)
    assert rows["Contexts"].split()[0] == (f"{fewest}–{most}" if most > fewest else str(most))


def test_metrics(family: Family, rows: dict[str, str]) -> None:
    assert rows["Metric"].startswith(f"`{family.metric.name}`: ")
    better = "higher" if family.metric.higher_is_better else "lower"
    assert f"{better} is better" in rows["Metric"]


def test_body(family: Family, rows: dict[str, str]) -> None:
    if not isinstance(family, MujocoFamily):
        assert "Body" not in rows
        return
    if family.id == "SmileAntLinearClassification-v0":
        assert rows["Body"] == "the ant of `SmileAntGoal-v0`"
        return
    assert f"`{family.body.asset}`" in rows["Body"]
    step = f"{family.body.frame_skip} × {family.body.timestep:g} s a control step"
    assert rows["Body"].endswith(step)


def test_pictures_are_there_and_small(family: Family) -> None:
    picture = PAGE.parent / "images" / f"{family.id}.png"
    assert f"](images/{picture.name})" in PAGE.read_text(encoding="utf-8")
    assert 2_000 < picture.stat().st_size < 150_000


def test_examples_run() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        names: dict[str, Any] = {}
        exec(example, names)  # noqa: S102 (our own page)
        assert names["observations"].shape == (32, 29)
