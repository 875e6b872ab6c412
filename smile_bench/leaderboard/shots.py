"""Shot curves: what an entry reaches with contexts of each size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import get_family
from smile_bench.leaderboard.bootstrap import mean_over_tasks
from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.reading import Evaluated, Run
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.protocol.scores import scores_of_means, task_means
from smile_bench.protocol.statistics import Estimate, interquartile_mean

__all__ = ["ShotPoint", "shot_curve"]


@dataclass(frozen=True, kw_only=True)
class ShotPoint:
    """What an entry reaches with contexts of one size."""

    shots: int
    metric: Estimate
    """Mean of the family's primary metric."""
    score: float
    """Interquartile mean of the normalised scores."""


def shot_curve(
    runs: Sequence[Run], statuses: Callable[[Evaluated], Status], *, trusted: bool
) -> tuple[tuple[ShotPoint, ...], bool]:
    """The shot curve of an entry on a family.

    Args:
        runs: the entry's trainings on the family.
        statuses: returns what verification found of an evaluation.
        trusted: whether the build replays nothing, so that every evaluation counts.

    Returns:
        The curve, empty for a family with one context size, and whether each size has an
        evaluation of its own. Otherwise it is the primary evaluation, split by context size.
    """
    family = get_family(runs[0].family)
    if len(family.context_sizes) < 2:
        return (), False
    references = load_meta_test(family.id).references
    made = [_made_again(run, statuses, trusted) for run in runs]
    common = sorted(set.intersection(*map(set, made)))
    points = []
    for shots in common or family.context_sizes:
        results = [
            curve[shots].result if common else run.primary.result
            for run, curve in zip(runs, made, strict=True)
        ]
        values = np.stack([_at(result, shots) for result in results])
        scores = scores_of_means(family.id, values, references)
        if np.isfinite(scores).any():
            points.append(
                ShotPoint(
                    shots=shots,
                    metric=mean_over_tasks(family.id, list(values)),
                    score=interquartile_mean({family.id: scores}),
                )
            )
    return tuple(points), bool(common)


def _made_again(
    run: Run, statuses: Callable[[Evaluated], Status], trusted: bool
) -> Mapping[int, Evaluated]:
    """The evaluations of a shot curve that this build made again; all if nothing is replayed."""
    return {shots: one for shots, one in run.shots.items() if trusted or statuses(one).made_again}


def _at(result: Result, shots: int) -> FloatArray:
    """Primary metric on each task, (tasks,), with contexts of one size; NaN without an episode."""
    kept = result.shots == shots
    family = get_family(result.family)
    values = result.episodes[family.metric.name][kept]
    return task_means(result.tasks[kept], values, len(family.table("test")))
