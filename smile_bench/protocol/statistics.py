"""Aggregate statistics of normalised scores, with two-level bootstrap intervals.

Definitions are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice" (NeurIPS 2021), and point estimates equal those of their package rliable.

Scores come as a mapping from family to an array (seeds, tasks): row s is what the training with
seed s reached on each meta-test task. A task that the references can not measure is NaN for every
seed; such tasks are left out. Scores of all families are pooled, every run on every task counting
the same.

Intervals are percentiles of a stratified bootstrap: families are strata, always all there, and
within each both levels are drawn anew with replacement, seeds as whole rows and tasks as whole
columns. (One trained agent acts in all tasks of a family, so its scores come and go together;
rliable draws the runs of each task independently, which takes rows for more evidence than they
are.) With one seed a family the interval is over tasks alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError

__all__ = [
    "Estimate",
    "Profile",
    "Summary",
    "estimate_improvement",
    "estimate_profile",
    "interquartile_mean",
    "mean",
    "measured",
    "optimality_gap",
    "performance_profile",
    "probability_of_improvement",
    "summarise",
]

Scores = Mapping[str, FloatArray]
"""Family to normalised scores (seeds, tasks)."""
Counts = NDArray[np.int32]

RESAMPLES = 50_000
CONFIDENCE = 0.95
CHUNK = 256
"""Resamples worked on together: large beside the interpreter, small beside the cache."""


@dataclass(frozen=True)
class Estimate:
    """A statistic and its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Profile:
    """A performance profile and its pointwise bootstrap intervals, each (thresholds,)."""

    thresholds: FloatArray
    values: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Summary:
    """What an entry is ranked and shown by."""

    interquartile_mean: Estimate
    mean: Estimate
    optimality_gap: Estimate
    families: int
    tasks: int
    """Measured tasks over all families."""
    scores: int
    """NStepReturns on measured tasks, pooled."""


def measured(scores: Scores) -> dict[str, FloatArray]:
    """The scores without the tasks that the references can not measure.

    Args:
        scores: family to (seeds, tasks); NaN for a task that can not be measured.

    Returns:
        The same, float64, without the columns that are NaN for every seed. Families of which
        nothing remains are left out.

    Raises:
        InputError: an array of another form, infinite scores, a task that is NaN for some seeds
            only, or nothing left to measure.
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
                "not for others. NaN marks a task that the references can not measure, whatever "
                "the seed."
            )
        if (~missing[0]).any():
            kept[family] = array[:, ~missing[0]]
    if not kept:
        raise InputError("there is no score to summarise: no family has a measured task.")
    return kept


def interquartile_mean(scores: Scores) -> float:
    """Mean of the middle half of the pooled scores.

    Of n scores in order the lowest and the highest ⌊n / 4⌋ are left out, as by
    ``scipy.stats.trim_mean(scores, 0.25)``.
    """
    ordered = np.sort(_pooled(measured(scores)))
    cut = int(0.25 * len(ordered))
    return float(ordered[cut : len(ordered) - cut].mean())


def mean(scores: Scores) -> float:
    """Mean of the pooled scores."""
    return float(_pooled(measured(scores)).mean())


def optimality_gap(scores: Scores, threshold: float = 1.0) -> float:
    """How far the pooled scores fall short of a threshold: γ − mean(min(score, γ))."""
    return threshold - float(np.minimum(_pooled(measured(scores)), threshold).mean())


def performance_profile(scores: Scores, thresholds: FloatArray) -> FloatArray:
    """Share of the pooled scores above each threshold, (thresholds,)."""
    pooled = _pooled(measured(scores))
    return np.asarray((pooled > np.asarray(thresholds)[:, None]).mean(axis=1))


def probability_of_improvement(x: Scores, y: Scores) -> float:
    """How likely a run of X scores higher than one of Y on a task, averaged over tasks.

    P(X > Y) + P(X = Y) / 2 over all pairs of seeds: the Mann-Whitney statistic over its maximum.

    Args:
        x: scores of X, family to (seeds, tasks).
        y: scores of Y on the same tasks; the number of seeds may differ.

    Raises:
        InputError: other families or other tasks.
    """
    wins = _wins(x, y)
    return float(np.concatenate([win.mean(axis=(0, 1)) for win in wins.values()]).mean())


def summarise(
    scores: Scores,
    rng: np.random.Generator | int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Summary:
    """Interquartile mean, mean and optimality gap with intervals.

    Args:
        scores: family to (seeds, tasks).
        rng: source of the resamples, or its seed.
        resamples: how many.
        confidence: probability that an interval covers.

    Raises:
        InputError: as :func:`measured`; no resamples; a confidence outside (0, 1).
    """
    _require_draws(resamples, confidence)
    kept = measured(scores)
    pooled = _pooled(kept)
    order = np.argsort(pooled)
    ordered = pooled[order]
    number, cut = len(ordered), int(0.25 * len(ordered))
    columns = np.stack((ordered, np.minimum(ordered, 1.0)), axis=1)
    draws = []
    for counts in _resampled(kept, np.random.default_rng(rng), resamples):
        weights = counts[:, order]
        # Scores in order, each as often as it was drawn: ranks cut to n - cut are what is kept.
        middle = np.diff(np.clip(weights.cumsum(axis=1), cut, number - cut), prepend=cut, axis=1)
        trimmed = middle @ ordered / (number - 2 * cut)
        draws.append(np.column_stack((trimmed, weights @ columns / number)))
    drawn = np.concatenate(draws)
    drawn[:, 2] = 1.0 - drawn[:, 2]
    low, high = _percentiles(drawn, confidence).tolist()
    return Summary(
        interquartile_mean=Estimate(interquartile_mean(kept), low[0], high[0]),
        mean=Estimate(mean(kept), low[1], high[1]),
        optimality_gap=Estimate(optimality_gap(kept), low[2], high[2]),
        families=len(kept),
        tasks=sum(array.shape[1] for array in kept.values()),
        scores=number,
    )


def estimate_profile(
    scores: Scores,
    thresholds: FloatArray,
    rng: np.random.Generator | int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Profile:
    """A performance profile with pointwise intervals; arguments as :func:`summarise`."""
    _require_draws(resamples, confidence)
    kept, thresholds = measured(scores), np.asarray(thresholds, np.float64)
    above = (_pooled(kept)[:, None] > thresholds).astype(np.float64)
    generator = np.random.default_rng(rng)
    drawn = np.concatenate([c @ above for c in _resampled(kept, generator, resamples)])
    low, high = _percentiles(drawn / len(above), confidence)
    return Profile(thresholds, performance_profile(kept, thresholds), low, high)


def estimate_improvement(
    x: Scores,
    y: Scores,
    rng: np.random.Generator | int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The probability of improvement with its interval.

    Tasks are drawn once for both, since both faced the same; seeds of X and Y independently.
    """
    _require_draws(resamples, confidence)
    wins, generator = _wins(x, y), np.random.default_rng(rng)
    total = sum(win.shape[2] for win in wins.values())
    draws = []
    for size in _chunks(resamples):
        summed = np.zeros(size)
        for win in wins.values():
            rows, columns, tasks = win.shape
            of_x, of_y = (_multiplicities(generator, size, n) for n in (rows, columns))
            pairs = (of_x[:, :, None] * of_y[:, None]).reshape(size, -1)
            chances = pairs @ win.reshape(-1, tasks) / (rows * columns)
            summed += (chances * _multiplicities(generator, size, tasks)).sum(axis=1)
        draws.append(summed / total)
    low, high = _percentiles(np.concatenate(draws), confidence)
    return Estimate(probability_of_improvement(x, y), float(low), float(high))


def _pooled(scores: Scores) -> FloatArray:
    return np.concatenate([array.ravel() for array in scores.values()])


def _wins(x: Scores, y: Scores) -> dict[str, FloatArray]:
    """Family to 1, ½ or 0 for each pair of seeds and task, (seeds of X, seeds of Y, tasks)."""
    of_x, of_y = measured(x), measured(y)
    if of_x.keys() != of_y.keys():
        raise InputError(f"X has scores on {sorted(of_x)}, Y on {sorted(of_y)}: give the same.")
    wins = {}
    for family in of_x:
        shapes = np.shape(x[family])[1], np.shape(y[family])[1]
        if shapes[0] != shapes[1] or not np.array_equal(
            np.isnan(np.asarray(x[family], np.float64)[0]),
            np.isnan(np.asarray(y[family], np.float64)[0]),
        ):
            raise InputError(
                f"X and Y must have the same measured tasks of {family}, got {shapes[0]} and "
                f"{shapes[1]} tasks, or NaN on different ones."
            )
        a, b = of_x[family][:, None], of_y[family][None]
        wins[family] = (a > b) + 0.5 * (a == b)
    return wins


def _resampled(scores: Scores, rng: np.random.Generator, resamples: int) -> Iterator[Counts]:
    """How often each pooled score is drawn, (chunk, scores), chunk by chunk."""
    for size in _chunks(resamples):
        parts = []
        for array in scores.values():
            seeds, tasks = (_multiplicities(rng, size, n) for n in array.shape)
            parts.append((seeds[:, :, None] * tasks[:, None]).reshape(size, -1))
        yield np.concatenate(parts, axis=1)


def _multiplicities(rng: np.random.Generator, size: int, number: int) -> Counts:
    """How often each of n things comes up in n draws with replacement, (size, n)."""
    drawn = rng.integers(number, size=(size, number)) + number * np.arange(size)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=size * number)
    return counts.reshape(size, number).astype(np.int32)


def _chunks(resamples: int) -> Iterator[int]:
    for start in range(0, resamples, CHUNK):
        yield min(CHUNK, resamples - start)


def _percentiles(drawn: FloatArray, confidence: float) -> FloatArray:
    """Lower and upper ends, (2, ...), of draws (resamples, ...)."""
    tail = (1.0 - confidence) / 2.0
    return np.asarray(np.quantile(drawn, (tail, 1.0 - tail), axis=0))


def _require_draws(resamples: int, confidence: float) -> None:
    if resamples < 1 or not 0.0 < confidence < 1.0:
        raise InputError(
            "give at least 1 resample and a confidence between 0 and 1, got "
            f"{resamples} and {confidence}."
        )
