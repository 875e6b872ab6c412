"""Budget surfaces: scores over the number of demonstrations and of tasks that a learner gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.leaderboard import bootstrap
from smile_bench.leaderboard.checks.study import StudyCell
from smile_bench.protocol.statistics import Estimate

__all__ = ["CORNER", "Measured", "Surface", "surfaces"]

CORNER = (4, 8)
"""Demonstrations of a task, and tasks, of the cell that stands for a small budget."""


@dataclass(frozen=True)
class Measured:
    """A cell of a surface with its interquartile mean and the mean of the primary metric."""

    cell: StudyCell
    score: Estimate
    metric: float


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What one agent reaches on one family under each budget of one study."""

    first: StudyCell
    """A cell, for what all cells share."""
    demonstrations: tuple[int, ...]
    """Of each task, ascending: those of all agents of the study on this family."""
    tasks: tuple[int, ...]
    """Meta-train tasks, ascending."""
    cells: tuple[tuple[Measured | None, ...], ...]
    """(demonstrations, tasks); None where the study has no result."""

    @property
    def missing(self) -> int:
        """Cells without a result."""
        return sum(cell is None for row in self.cells for cell in row)

    @property
    def mean(self) -> float | None:
        """The mean score over the surface in log budget; None if a cell is missing.

        The trapezoid rule over the logarithms of demonstrations and of tasks, divided by the area.
        An axis with one amount is left out.
        """
        if self.missing:
            return None
        scores = np.array([[one.score.value for one in row if one] for row in self.cells])
        return float(_weights(self.demonstrations) @ scores @ _weights(self.tasks))

    @property
    def corner(self) -> Measured | None:
        """The cell of 4 demonstrations and 8 tasks, if it is there."""
        demonstrations, tasks = CORNER
        if demonstrations not in self.demonstrations or tasks not in self.tasks:
            return None
        return self.cells[self.demonstrations.index(demonstrations)][self.tasks.index(tasks)]


def surfaces(cells: Sequence[StudyCell]) -> list[Surface]:
    """The surfaces of several studies, in the order of their first cells.

    A surface is of one study, agent, family, track, form, choice of settings, subsampling and
    variant. Its axes are those of all agents of the study under the same subsampling and variant,
    so that surfaces of one family are over the same area.
    """
    areas: dict[tuple[object, ...], list[StudyCell]] = defaultdict(list)
    groups: dict[tuple[object, ...], list[StudyCell]] = defaultdict(list)
    for cell in cells:
        area = _area(cell)
        areas[area].append(cell)
        groups[(*area, cell.agent, cell.track, cell.state_only, cell.settings)].append(cell)
    return [_surface(group, areas[_area(group[0])]) for group in groups.values()]


def _area(cell: StudyCell) -> tuple[object, ...]:
    return cell.study, cell.family, cell.condition.subsample, cell.condition.variant


def _surface(group: Sequence[StudyCell], area: Sequence[StudyCell]) -> Surface:
    demonstrations = sorted({cell.condition.demonstrations for cell in area})
    tasks = sorted({cell.condition.tasks for cell in area})
    found = {(cell.condition.demonstrations, cell.condition.tasks): cell for cell in group}
    return Surface(
        first=group[0],
        demonstrations=tuple(demonstrations),
        tasks=tuple(tasks),
        cells=tuple(
            tuple(_measured(found[d, t]) if (d, t) in found else None for t in tasks)
            for d in demonstrations
        ),
    )


def _measured(cell: StudyCell) -> Measured:
    scores = np.array(cell.scores, dtype=np.float64)
    summary = bootstrap.summary_of_family(cell.family, scores)
    metric = float(np.nanmean(np.array(cell.metrics, dtype=np.float64)))
    return Measured(cell, summary.interquartile_mean, metric)


def _weights(amounts: Sequence[int]) -> FloatArray:
    """Weights of the trapezoid rule over the logarithms of amounts, summing to one, (n,)."""
    if len(amounts) == 1:
        return np.ones(1)
    steps = np.diff(np.log(amounts))
    weights = np.zeros(len(amounts))
    weights[:-1] += steps / 2
    weights[1:] += steps / 2
    return np.asarray(weights / steps.sum())
