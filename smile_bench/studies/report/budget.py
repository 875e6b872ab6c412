"""Budget surfaces of a study's cells, by the leaderboard's definition."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.baselines.registry import get_agent
from smile_bench.envs import get_family
from smile_bench.leaderboard.checks.study import CellCost, StudyCell
from smile_bench.leaderboard.surface import Surface, surfaces
from smile_bench.studies.results import CellResult

__all__ = ["budget_surfaces"]


def budget_surfaces(study: str, cells: Iterable[CellResult]) -> list[Surface]:
    """The surfaces of agents that have several amounts of demonstrations and of tasks.

    Args:
        study: its name.
        cells: of the study, with results.
    """
    found = surfaces([_study_cell(study, one) for one in cells if one.cell.trained])
    return [one for one in found if _several(one)]


def _several(surface: Surface) -> bool:
    """Whether at least two rows and two columns have a result."""
    there = np.array([[one is not None for one in row] for row in surface.cells])
    return bool(min(there.any(axis=0).sum(), there.any(axis=1).sum()) > 1)


def _study_cell(study: str, one: CellResult) -> StudyCell:
    cell, training = one.cell, get_agent(one.cell.agent).training
    ends = [one.best_and_last()[seed] or (None, None) for seed in one.seeds]
    return StudyCell(
        study=study,
        agent=cell.agent,
        family=cell.family,
        track="offline" if training is None else training.track,
        state_only=next(iter(one.results.values())).state_only,
        condition=cell.condition.on(get_family(cell.family)),
        settings=cell.changes,
        seeds=one.seeds,
        scores=_nested(one.scores),
        metrics=_nested(one.metrics()),
        best=tuple(best for best, _ in ends),
        last=tuple(last for _, last in ends),
        cost=CellCost(**one.costs()),
    )


def _nested(array: FloatArray) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in array)
