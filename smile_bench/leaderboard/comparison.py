"""Rows beside each other: probability of improvement and performance profiles.

Both are over the ranked families, from the runs that rank the rows. Definitions are in
:mod:`smile_bench.protocol.statistics`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.leaderboard import bootstrap
from smile_bench.leaderboard.rows import Row
from smile_bench.protocol.statistics import Estimate, Profile

__all__ = ["THRESHOLDS", "Improvement", "improvements", "profile_of"]

THRESHOLDS = np.round(np.linspace(-0.2, 1.2, 36), 6)
"""Scores τ at which profiles are evaluated."""
MOST = 12
"""Rows of a group that are compared, the best: all pairs of more would be slow and unreadable."""


@dataclass(frozen=True)
class Improvement:
    """How often one row beats another: P(X > Y) + P(X = Y) / 2 over runs and tasks."""

    x: Row
    y: Row
    probability: Estimate


def improvements(rows: Sequence[Row], ranked: Sequence[str]) -> list[Improvement]:
    """The probability of improvement of each pair of rows that compete for a place.

    Rows compete within a partition and a condition. Of the reverse pair it is one minus this.

    Args:
        rows: ranked rows. Those without a place are left out, and all but the first 12 of a group.
        ranked: the families that the overall rank is over.
    """
    groups: dict[object, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=_best_first):
        if row.place is not None:
            groups[row.partition, row.condition].append(row)
    return [
        Improvement(x, y, bootstrap.improvement(_scores(x, ranked), _scores(y, ranked)))
        for group in groups.values()
        for x, y in combinations(group[:MOST], 2)
    ]


def profile_of(row: Row, families: Sequence[str]) -> Profile:
    """The share of a row's runs above each of :data:`THRESHOLDS`, over some of its families."""
    return bootstrap.profile(_scores(row, families), THRESHOLDS)


def _scores(row: Row, families: Sequence[str]) -> dict[str, FloatArray]:
    return bootstrap.same_seeds({family: row.families[family].seed_scores for family in families})


def _best_first(row: Row) -> tuple[float, float, str]:
    score = 0.0 if row.overall is None else row.overall.interquartile_mean.value
    return (float("inf") if row.place is None else row.place, -score, row.card.name)
