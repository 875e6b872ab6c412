"""Training an entry's agent again: does the entry's score lie where new trainings land?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from smile_bench.errors import InputError
from smile_bench.leaderboard.entries.reading import Entry, Run

__all__ = ["Retrained", "judge", "new_seeds", "runs_of"]

CONFIDENCE = 0.95
SLACK = 0.01
"""How far beyond the interval a score may lie. Trainings that end alike, as on a small gridworld,
have an interval without width, and another processor rounds differently."""
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Of Student's t for a two-sided interval of 95 %, with 1 to 10 degrees of freedom."""


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """An entry's score on one family beside those of new trainings."""

    family: str
    score: float
    """Of the entry, averaged over its seeds."""
    seeds: tuple[int, ...]
    """Of the new trainings."""
    scores: tuple[float, ...]
    """Of the new trainings."""
    low: float
    """Lower end of the interval in which the entry's score is expected."""
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the entry's score lies in the interval."""
        return self.low <= self.score <= self.high


def runs_of(entry: Entry, family: str) -> tuple[Run, ...]:
    """The entry's trainings on a family."""
    return tuple(run for run in entry.runs if run.family == family)


def new_seeds(runs: Sequence[Run], count: int) -> tuple[int, ...]:
    """The least seeds that the entry did not train with.

    Raises:
        InputError: fewer than two are asked for.
    """
    if count < 2:
        raise InputError(f"--seeds is {count}; give 2 or more, because one score has no interval.")
    used = {run.seed for run in runs}
    return tuple(seed for seed in range(count + len(used)) if seed not in used)[:count]


def judge(runs: Sequence[Run], seeds: Sequence[int], scores: Sequence[float]) -> Retrained:
    """Compare an entry's score on a family with those of new trainings.

    The interval is the 95 % prediction interval of a mean over as many trainings as the entry has:
    the new mean, plus or minus t · s · √(1/n + 1/m) and a little, with the standard deviation s
    of n new scores and m seeds of the entry.

    Args:
        runs: the entry's trainings on the family.
        seeds: of the new trainings.
        scores: of the new trainings, each a mean over tasks.
    """
    new, old = np.asarray(scores, np.float64), [run.primary.result.score for run in runs]
    spread = float(new.std(ddof=1)) * math.sqrt(1 / len(new) + 1 / len(old))
    reach = _quantile(len(new) - 1) * spread + SLACK
    return Retrained(
        family=runs[0].family,
        score=float(np.mean(old)),
        seeds=tuple(seeds),
        scores=tuple(new.tolist()),
        low=float(new.mean()) - reach,
        high=float(new.mean()) + reach,
    )


def _quantile(degrees: int) -> float:
    """Of Student's t; beyond the table by the first two terms of its expansion in 1/degrees."""
    if degrees <= len(QUANTILES):
        return QUANTILES[degrees - 1]
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    first = (z**3 + z) / (4 * degrees)
    return z + first + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
