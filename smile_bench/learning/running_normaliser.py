"""Running mean and standard deviation of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.learning.normaliser import Normaliser

__all__ = ["RunningNormaliser"]


class RunningNormaliser:
    """Z-scores features by the statistics of everything absorbed so far.

    Args:
        size: F, length of the features.
        floor: least standard deviation that a feature is divided by.
        clip: z-scores are clipped to plus or minus this.
        first_count: weight of the initial mean 0 and variance 1, in samples.
        fixed_scale: standard deviation of the features from ``fixed_from`` on, whose mean stays 0;
            None lets them run, too.
        fixed_from: index of the first such feature.
    """

    def __init__(
        self,
        size: int,
        floor: float,
        *,
        clip: float = float("inf"),
        first_count: float = 0.0,
        fixed_scale: float | None = None,
        fixed_from: int = 0,
    ) -> None:
        self.floor, self.clip = floor, clip
        self.mean: FloatArray = np.zeros(size)
        self.variance: FloatArray = np.ones(size)
        self.count = first_count
        self.fixed_scale, self._fixed = fixed_scale, slice(fixed_from, None)
        self._fix()

    @property
    def scale(self) -> FloatArray:
        """Standard deviations (F,), bounded away from 0."""
        return np.maximum(np.sqrt(self.variance), self.floor)

    @property
    def normaliser(self) -> Normaliser:
        """The statistics as they stand."""
        return Normaliser(self.mean, self.scale, self.clip)

    def absorb(self, features: FloatArray) -> None:
        """Merge a batch (n, F) (Chan et al. 1979, parallel variance)."""
        n = float(len(features))
        mean, variance = features.mean(axis=0), features.var(axis=0)
        total = self.count + n
        delta = mean - self.mean
        self.variance = (
            self.variance * self.count + variance * n + delta**2 * self.count * n / total
        ) / total
        self.mean = self.mean + delta * n / total
        self.count = total
        self._fix()

    def __call__(self, features: FloatArray) -> Float32Array:
        """Z-scored features (..., F)."""
        return self.normaliser(features)

    def state_dict(self) -> dict[str, Any]:
        """The statistics."""
        return {"mean": self.mean, "variance": self.variance, "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.mean, self.variance = np.array(state["mean"]), np.array(state["variance"])
        self.count = float(state["count"])

    def _fix(self) -> None:
        if self.fixed_scale is not None:
            self.mean[self._fixed], self.variance[self._fixed] = 0.0, self.fixed_scale**2
