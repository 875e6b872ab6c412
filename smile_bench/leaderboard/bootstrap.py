"""The leaderboard's statistics, each with its number of resamples and one seed.

The same entries give the same intervals. Definitions are in :mod:`smile_bench.protocol.statistics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.protocol.statistics import (
    Estimate,
    Profile,
    Summary,
    estimate_improvement,
    estimate_profile,
    summarise,
)

__all__ = [
    "improvement",
    "mean_over_tasks",
    "profile",
    "same_seeds",
    "summary_of_family",
    "summary_overall",
]

SEED = 0
RESAMPLES_OVERALL = 10_000
"""For the score that ranks."""
RESAMPLES = 2_000
"""For all else."""


def summary_overall(scores: Mapping[str, FloatArray]) -> Summary:
    """The statistics over several families; family to normalised scores (seeds, tasks).

    They are over the same number of seeds in each, see :func:`same_seeds`.
    """
    return summarise(same_seeds(scores), SEED, resamples=RESAMPLES_OVERALL)


def summary_of_family(family: str, scores: FloatArray) -> Summary:
    """The statistics of normalised scores on one family, (seeds, tasks)."""
    return summarise({family: scores}, SEED, resamples=RESAMPLES)


def mean_over_tasks(family: str, values: Sequence[FloatArray]) -> Estimate:
    """The mean over tasks and seeds of each seed's values (tasks,), with its interval."""
    return summary_of_family(family, np.stack(values)).mean


def improvement(x: Mapping[str, FloatArray], y: Mapping[str, FloatArray]) -> Estimate:
    """The probability that a run of X scores higher than a run of Y, with its interval."""
    return estimate_improvement(x, y, SEED, resamples=RESAMPLES)


def profile(scores: Mapping[str, FloatArray], thresholds: FloatArray) -> Profile:
    """The share of runs above each threshold, with pointwise intervals."""
    return estimate_profile(scores, thresholds, SEED, resamples=RESAMPLES)


def same_seeds(scores: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The scores of the first n seeds of each family, n the smallest number that a family has.

    Pooled scores would otherwise weigh a family more the more often it was trained.

    Args:
        scores: family to (seeds, tasks).
    """
    least = min(len(rows) for rows in scores.values())
    return {family: rows[:least] for family, rows in scores.items()}
