"""Bootstrap intervals of the statistics: seeds and tasks resampled within each family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.protocol.statistics.points import (
    Scores,
    interquartile_mean,
    mean,
    measured,
    optimality_gap,
    performance_profile,
    pooled,
    probability_of_improvement,
    wins,
)

__all__ = [
    "Estimate",
    "Profile",
    "Summary",
    "estimate_improvement",
    "estimate_profile",
    "resample",
    "summarise",
]

Counts = NDArray[np.int32]

RESAMPLES = 50_000
CONFIDENCE = 0.95
CHUNK = 256
"""Resamples computed together: many enough for NumPy, few enough for the cache."""


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
    """The statistics by which an entry is ranked and shown."""

    interquartile_mean: Estimate
    mean: Estimate
    optimality_gap: Estimate
    families: int
    """Families with a measured task."""
    tasks: int
    """Measured tasks over all families."""
    scores: int
    """Pooled scores: runs on measured tasks."""


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
        resamples: number of resamples.
        confidence: coverage of the intervals.

    Raises:
        InputError: as :func:`measured`; or ``resamples`` is below 1, or ``confidence`` outside
            (0, 1).
    """
    _require_resamples(resamples, confidence)
    kept = measured(scores)
    values = pooled(kept)
    order = np.argsort(values)
    ordered = values[order]
    number, cut = len(ordered), int(0.25 * len(ordered))
    columns = np.stack((ordered, np.minimum(ordered, 1.0)), axis=1)
    parts = []
    for counts in resample(kept, np.random.default_rng(rng), resamples):
        weights = counts[:, order]
        # The scores in order, each as often as it was resampled: the ranks cut to n - cut are kept.
        middle = np.diff(np.clip(weights.cumsum(axis=1), cut, number - cut), prepend=cut, axis=1)
        trimmed = middle @ ordered / (number - 2 * cut)
        parts.append(np.column_stack((trimmed, weights @ columns / number)))
    resampled = np.concatenate(parts)
    resampled[:, 2] = 1.0 - resampled[:, 2]
    low, high = _percentiles(resampled, confidence).tolist()
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
    """A performance profile with pointwise intervals; arguments and errors as :func:`summarise`."""
    _require_resamples(resamples, confidence)
    kept, thresholds = measured(scores), np.asarray(thresholds, np.float64)
    above = (pooled(kept)[:, None] > thresholds).astype(np.float64)
    generator = np.random.default_rng(rng)
    resampled = np.concatenate([c @ above for c in resample(kept, generator, resamples)])
    low, high = _percentiles(resampled / len(above), confidence)
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

    Tasks are resampled once for both, because both faced the same tasks; seeds of X and Y are
    resampled independently. Arguments and errors are as for :func:`summarise`.
    """
    _require_resamples(resamples, confidence)
    won, generator = wins(x, y), np.random.default_rng(rng)
    total = sum(win.shape[2] for win in won.values())
    parts = []
    for size in _chunks(resamples):
        summed = np.zeros(size)
        for win in won.values():
            rows, columns, tasks = win.shape
            of_x, of_y = (_multiplicities(generator, size, n) for n in (rows, columns))
            pairs = (of_x[:, :, None] * of_y[:, None]).reshape(size, -1)
            chances = pairs @ win.reshape(-1, tasks) / (rows * columns)
            summed += (chances * _multiplicities(generator, size, tasks)).sum(axis=1)
        parts.append(summed / total)
    low, high = _percentiles(np.concatenate(parts), confidence)
    return Estimate(probability_of_improvement(x, y), float(low), float(high))


def resample(scores: Scores, rng: np.random.Generator, resamples: int) -> Iterator[Counts]:
    """How often each pooled score comes up in a resample, (chunk, scores), chunk by chunk."""
    for size in _chunks(resamples):
        parts = []
        for array in scores.values():
            seeds, tasks = (_multiplicities(rng, size, n) for n in array.shape)
            parts.append((seeds[:, :, None] * tasks[:, None]).reshape(size, -1))
        yield np.concatenate(parts, axis=1)


def _multiplicities(rng: np.random.Generator, size: int, number: int) -> Counts:
    """How often each of n things comes up when n are sampled with replacement, (size, n)."""
    chosen = rng.integers(number, size=(size, number)) + number * np.arange(size)[:, None]
    counts = np.bincount(chosen.ravel(), minlength=size * number)
    return counts.reshape(size, number).astype(np.int32)


def _chunks(resamples: int) -> Iterator[int]:
    for start in range(0, resamples, CHUNK):
        yield min(CHUNK, resamples - start)


def _percentiles(resampled: FloatArray, confidence: float) -> FloatArray:
    """Lower and upper ends (2, ...) of resampled values (resamples, ...)."""
    tail = (1.0 - confidence) / 2.0
    return np.asarray(np.quantile(resampled, (tail, 1.0 - tail), axis=0))


def _require_resamples(resamples: int, confidence: float) -> None:
    if resamples < 1 or not 0.0 < confidence < 1.0:
        raise InputError(
            "give at least 1 resample and a confidence between 0 and 1, got "
            f"{resamples} and {confidence}."
        )
