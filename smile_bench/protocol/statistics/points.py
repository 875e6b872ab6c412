"""Point estimates of pooled scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError

__all__ = [
    "Scores",
    "interquartile_mean",
    "mean",
    "measured",
    "optimality_gap",
    "performance_profile",
    "pooled",
    "probability_of_improvement",
    "wins",
]

Scores = Mapping[str, FloatArray]
"""Family to normalised scores (seeds, tasks)."""


def measured(scores: Scores) -> dict[str, FloatArray]:
    """The scores without the tasks that the references cannot measure.

    Args:
        scores: family to (seeds, tasks); NaN for a task that cannot be measured.

    Returns:
        The same scores as float64, without the columns that are NaN for every seed. Families
        without a measured task are left out.

    Raises:
        InputError: an array is not of numbers (seeds, tasks), a score is infinite, a task is NaN
            for some seeds only, or no task is measured.
    """
    kept = {}
    for family, given in scores.items():
        array = np.asarray(given)
        if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.shape[0]:
            raise InputError(
                f"scores of {family} must be numbers of shape (seeds, tasks), got an array of "
                f"{array.dtype} of shape {array.shape}."
            )
        array = array.astype(np.float64)
        missing = np.isnan(array)
        partly = missing.any(axis=0) & ~missing.all(axis=0)
        if partly.any() or np.isinf(array).any():
            bad = np.flatnonzero(partly | np.isinf(array).any(axis=0)).tolist()
            raise InputError(
                f"scores of {family} on tasks {bad[:8]} are infinite, or NaN for some seeds and "
                "not for others. Give finite scores; NaN marks a task that the references cannot "
                "measure for any seed."
            )
        if (~missing[0]).any():
            kept[family] = array[:, ~missing[0]]
    if not kept:
        raise InputError(
            "there is no score to summarise: no family has a measured task. Give at least one."
        )
    return kept


def interquartile_mean(scores: Scores) -> float:
    """Mean of the middle half of the pooled scores.

    The lowest and the highest ⌊n / 4⌋ of n scores are left out, as by
    ``scipy.stats.trim_mean(scores, 0.25)``.
    """
    ordered = np.sort(pooled(measured(scores)))
    cut = int(0.25 * len(ordered))
    return float(ordered[cut : len(ordered) - cut].mean())


def mean(scores: Scores) -> float:
    """Mean of the pooled scores."""
    return float(pooled(measured(scores)).mean())


def optimality_gap(scores: Scores, threshold: float = 1.0) -> float:
    """How far the pooled scores fall short of a threshold: γ − mean(min(score, γ))."""
    return threshold - float(np.minimum(pooled(measured(scores)), threshold).mean())


def performance_profile(scores: Scores, thresholds: FloatArray) -> FloatArray:
    """Share of the pooled scores above each threshold, (thresholds,)."""
    above = pooled(measured(scores)) > np.asarray(thresholds)[:, None]
    return np.asarray(above.mean(axis=1))


def probability_of_improvement(x: Scores, y: Scores) -> float:
    """Probability that a run of X scores higher than a run of Y on a task, averaged over tasks.

    P(X > Y) + P(X = Y) / 2 over all pairs of seeds: the Mann-Whitney statistic divided by its
    maximum.

    Args:
        x: scores of X, family to (seeds, tasks).
        y: scores of Y on the same tasks; the number of seeds may differ.

    Raises:
        InputError: X and Y have different families or different measured tasks.
    """
    shares = [win.mean(axis=(0, 1)) for win in wins(x, y).values()]
    return float(np.concatenate(shares).mean())


def pooled(scores: Scores) -> FloatArray:
    """All scores in one row: family by family, and within a family seed by seed."""
    return np.concatenate([array.ravel() for array in scores.values()])


def wins(x: Scores, y: Scores) -> dict[str, FloatArray]:
    """Family to 1, ½ or 0 for each pair of seeds and task, (seeds of X, seeds of Y, tasks)."""
    of_x, of_y = measured(x), measured(y)
    if of_x.keys() != of_y.keys():
        raise InputError(
            f"X has scores on {sorted(of_x)}, Y on {sorted(of_y)}. Give both the same families."
        )
    found = {}
    for family in of_x:
        shapes = np.shape(x[family])[1], np.shape(y[family])[1]
        if shapes[0] != shapes[1] or not np.array_equal(
            np.isnan(np.asarray(x[family], np.float64)[0]),
            np.isnan(np.asarray(y[family], np.float64)[0]),
        ):
            raise InputError(
                f"X and Y must have the same measured tasks of {family}, but they have {shapes[0]} "
                f"and {shapes[1]} tasks, or NaN on different ones."
            )
        a, b = of_x[family][:, None], of_y[family][None]
        found[family] = (a > b) + 0.5 * (a == b)
    return found
