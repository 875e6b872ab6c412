"""Running means and standard deviations of features, those of M trainings side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.learning.normaliser import Normaliser

__all__ = ["RunningNormaliser"]


class RunningNormaliser:
    """Z-scores a training's features by the statistics of everything absorbed of it so far.

    Args:
        trainings: M.
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
        trainings: int,
        size: int,
        floor: float,
        *,
        clip: float = float("inf"),
        first_count: float = 0.0,
        fixed_scale: float | None = None,
        fixed_from: int = 0,
    ) -> None:
        self.floor, self.clip = floor, clip
        self.mean: FloatArray = np.zeros((trainings, size))
        """(M, F)."""
        self.variance: FloatArray = np.ones((trainings, size))
        """(M, F)."""
        self.count: FloatArray = np.full((trainings, 1), first_count)
        """(M, 1)."""
        self.fixed_scale, self._fixed = fixed_scale, slice(fixed_from, None)
        self._fix()

    @property
    def scale(self) -> FloatArray:
        """Standard deviations (M, F), bounded away from 0."""
        return np.maximum(np.sqrt(self.variance), self.floor)

    def absorb(self, features: FloatArray) -> None:
        """Merge a batch (M, n, F) (Chan et al. 1979, parallel variance)."""
        n = float(features.shape[1])
        mean, variance = features.mean(axis=1), features.var(axis=1)
        total = self.count + n
        delta = mean - self.mean
        self.variance = (
            self.variance * self.count + variance * n + delta**2 * self.count * n / total
        ) / total
        self.mean = self.mean + delta * n / total
        self.count = total
        self._fix()

    def __call__(self, features: FloatArray) -> Float32Array:
        """Z-scored features (M, ..., F)."""
        between = tuple(range(1, features.ndim - 1))
        mean, scale = np.expand_dims(self.mean, between), np.expand_dims(self.scale, between)
        return Normaliser(mean, scale, self.clip)(features)

    def state_dict(self, index: int) -> dict[str, Any]:
        """The statistics of a training."""
        return {
            "mean": self.mean[index].copy(),
            "variance": self.variance[index].copy(),
            "count": float(self.count[index, 0]),
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.mean[index], self.variance[index] = state["mean"], state["variance"]
        self.count[index] = float(state["count"])

    def _fix(self) -> None:
        if self.fixed_scale is not None:
            self.mean[:, self._fixed], self.variance[:, self._fixed] = 0.0, self.fixed_scale**2
