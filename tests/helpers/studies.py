"""Small finished studies on the gridworld, worked off in this process."""

from __future__ import annotations

from pathlib import Path

from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.reading import parse_study
from smile_bench.studies.work import WorkerOptions, work

__all__ = ["GRID", "TEXT", "finished", "opened", "saving_often"]

GRID = "SmileGridGoal-v0"
TEXT = f"""
name = "small"
seeds = "0-1"

[[cells]]
families = ["{GRID}"]
agents = ["tabular-smile"]
conditions = ["16 demonstrations", "12 demonstrations, 8 tasks"]
settings = {{ iterations = 3 }}

[[cells]]
families = ["{GRID}"]
agents = ["retrieve-and-play"]
"""


def saving_often(seeds: str) -> str:
    """A study whose trainings save after every iteration, by the module ``saves_often``."""
    return f"""
name = "small"
import = "saves_often"
[[cells]]
families = ["{GRID}"]
agents = ["tabular-smile"]
settings = {{ iterations = 150 }}
seeds = "{seeds}"
"""


def opened(path: Path, text: str = TEXT, together: int | None = 1) -> StudyFolder:
    """The folder of a study that has not begun."""
    return StudyFolder.make(path, parse_study(text, "small.toml"), together)


def finished(path: Path, text: str = TEXT) -> StudyFolder:
    """The folder of a study that is done."""
    folder = opened(path, text)
    work(folder, WorkerOptions())
    return folder
