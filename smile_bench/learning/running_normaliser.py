"""Running mean and standard deviation of features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smile_bench.arrays import FloatArray

__all__ = ["RunningNormaliser"]


class RunningNormaliser:
    """Z-scores features by the statistics of all that it has absorbed.

    Args:
        size: F, length of the features.
        floor: features that vary less are divided by this.
    """

    def __init__(self, size: int, floor: float) -> None:
        self.floor = floor
        self.mean: FloatArray = np.zeros(size)
        self.variance: FloatArray = np.ones(size)
        self.count = 0.0

    @property
    def scale(self) -> FloatArray:
        """Standard deviations (F,), bounded away from 0."""
        return np.maximum(np.sqrt(self.variance), self.floor)

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

    def __call__(self, features: FloatArray) -> Tensor:
        """Z-scored features (n, F), float32."""
        return torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32))

    def tensors(self) -> dict[str, Tensor]:
        """The statistics, to be checkpointed."""
        values = {"mean": self.mean, "variance": self.variance, "count": np.float64(self.count)}
        return {f"normaliser.{name}": torch.tensor(value) for name, value in values.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what :meth:`tensors` gave."""
        self.mean = tensors["normaliser.mean"].numpy().copy()
        self.variance = tensors["normaliser.variance"].numpy().copy()
        self.count = float(tensors["normaliser.count"])
