"""Folders of studies with made-up results: all but the trainings is as in real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.baselines.registry import get_agent
from smile_bench.envs import get_family
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.reading import parse_study
from smile_bench.studies.study import Cell, Job
from tests.helpers import made_entries

__all__ = ["Level", "made_study", "write_seed"]

Level = Callable[[Cell, int], float | None]
"""Normalised score of a cell's seed; None for no result."""


def made_study(
    path: Path, text: str, level: Level = lambda cell, seed: 0.8, *, spread: float = 0.05
) -> StudyFolder:
    """The folder of a study whose results are made up.

    Args:
        path: the folder.
        text: the study's file.
        level: normalised score of each cell and seed.
        spread: standard deviation of scores over tasks.
    """
    folder = StudyFolder.make(path, parse_study(text, "made.toml"), 1)
    for job in folder.jobs:
        for seed in job.seeds:
            reached = level(job.cell, seed)
            if reached is not None:
                write_seed(folder, job, seed, reached, spread=spread)
    return folder


def write_seed(
    folder: StudyFolder,
    job: Job,
    seed: int,
    level: float,
    *,
    spread: float = 0.05,
    gap: float = 0.02,
) -> Result:
    """Write what the training of a job's seed leaves: its result and its log.

    Args:
        folder: of the study.
        job: of the seed.
        seed: of the training.
        level: normalised score.
        spread: standard deviation of scores over tasks.
        gap: of the last checkpoint's validation metric to the best one, in units of the score.
    """
    cell = job.cell
    training = get_agent(cell.agent).training
    facts: dict[str, Any] = {"training": None}
    if training is not None:
        facts["training"] = _recipe(cell, seed, training.track)
        facts["state_only"] = training.state_only
    made = made_entries.result(
        cell.family, agent=cell.agent, level=level, spread=spread, seed=seed, **facts
    )
    place = folder.of(job) / f"seed-{seed}"
    made_entries.write_result(place / "primary", made, evidence=b"made up")
    if training is not None:
        _write_log(place / "progress.csv", cell.family, made.metric, gap)
    return made


def _recipe(cell: Cell, seed: int, track: str) -> Mapping[str, Any]:
    condition = cell.condition.on(cell.family)
    return made_entries.training(
        seed,
        track=track,
        cpu_seconds=3600.0 + seed,
        condition={**condition.to_dict(), "sha256": condition.digest},
        access={
            "demonstrations": condition.demonstrations,
            "env_steps": 0 if track == "offline" else 1000,
            "expert_queries": 50 if track == "expert-queries" else 0,
        },
    )


def _write_log(path: Path, family: str, last: float, gap: float) -> None:
    """A log whose best checkpoint is the last but one."""
    metric = get_family(family).metric
    references = load_meta_test(family).references
    unit = abs(references.expert[metric.name].mean() - references.blind[metric.name].mean())
    sign = 1.0 if metric.higher_is_better else -1.0
    best = last + sign * gap * unit
    first = best - sign * 0.5 * unit
    values = [*np.linspace(first, best, 9), last]
    rows = "".join(f"{10 * i},{i},{value!r}\n" for i, value in enumerate(map(float, values), 1))
    path.write_text(f"iteration,seconds,validation/{metric.name}\n{rows}", encoding="utf-8")
