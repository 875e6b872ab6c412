"""The normalised score: 1 is the task's expert, 0 the task-blind expert."""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray

__all__ = ["normalised_score"]


def normalised_score(
    values: FloatArray | float, *, expert: FloatArray | float, blind: FloatArray | float
) -> FloatArray:
    """Score of values of a metric: (value - blind) / (expert - blind).

    Args:
        values: values or means of the metric, (...).
        expert: what the expert reaches, (...).
        blind: what the task-blind expert reaches, (...).

    Returns:
        (...). NaN where expert and task-blind expert are alike, because nothing can be measured
        there.
    """
    gain = np.asarray(expert, np.float64) - blind
    differ = gain != 0.0
    return np.where(differ, (values - np.asarray(blind)) / np.where(differ, gain, 1.0), np.nan)
