"""Z-scoring observations with statistics of the meta-train demonstrations only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets import Demonstrations

__all__ = ["Normaliser"]

MINIMUM_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of each observed coordinate."""

    mean: NDArray[np.float32]
    """(observation_size,)."""
    scale: NDArray[np.float32]
    """(observation_size,), at least 0.001."""

    @classmethod
    def of(cls, train: Demonstrations) -> Normaliser:
        """The statistics of all observations of a split."""
        flat = train.observations.reshape(-1, train.observations.shape[-1]).astype(np.float64)
        scale = np.maximum(flat.std(axis=0), MINIMUM_SCALE)
        return cls(flat.mean(axis=0).astype(np.float32), scale.astype(np.float32))

    def __call__(
        self, observations: NDArray[np.float64] | NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Z-scores of observations (..., observation_size)."""
        return ((observations - self.mean) / self.scale).astype(np.float32)
