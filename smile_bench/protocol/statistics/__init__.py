"""Aggregate statistics of normalised scores, with two-level bootstrap intervals.

Definitions are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice" (NeurIPS 2021), and point estimates equal those of their package rliable.

Scores come as a mapping from family to an array (seeds, tasks): row s holds the scores of the
training with seed s on each meta-test task. A task that the references cannot measure is NaN for
every seed and is left out. The scores of all families are pooled, and every run on every task
counts the same.

Intervals are percentiles of a stratified bootstrap. Families are strata, so every resample holds
all of them. Within a family both levels are resampled with replacement: seeds as whole rows, tasks
as whole columns. One trained agent acts in all tasks of a family, so its scores vary together;
rliable resamples the runs of each task independently, which overstates the evidence in a row. With
one seed a family the interval is over tasks alone.
"""

from smile_bench.protocol.statistics.intervals import (
    Estimate,
    Profile,
    Summary,
    estimate_improvement,
    estimate_profile,
    summarise,
)
from smile_bench.protocol.statistics.points import (
    interquartile_mean,
    mean,
    measured,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
)

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
