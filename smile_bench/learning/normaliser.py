"""Z-scores, clipped: what every policy of the suite sees of an observation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray

__all__ = ["CLIP", "MINIMUM_SCALE", "Normaliser"]

MINIMUM_SCALE = 1e-3
"""Least standard deviation that a coordinate is divided by."""
CLIP = 10.0
"""Standard deviations; an imitator that strays sees no larger numbers."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of each coordinate."""

    mean: NDArray[np.floating]
    """(F,)."""
    scale: NDArray[np.floating]
    """(F,)."""
    clip: float = CLIP
    """Z-scores are clipped to plus or minus this."""

    @classmethod
    def of(cls, observations: Float32Array) -> Normaliser:
        """The statistics of observations (..., observation_size).

        Imitators take them from the meta-train demonstrations alone.
        """
        flat = observations.reshape(-1, observations.shape[-1]).astype(np.float64)
        scale = np.maximum(flat.std(axis=0), MINIMUM_SCALE)
        return cls(flat.mean(axis=0).astype(np.float32), scale.astype(np.float32))

    def __call__(self, values: FloatArray | Float32Array) -> Float32Array:
        """Z-scores (..., F) of values (..., F)."""
        scores = (values - self.mean) / self.scale
        return np.asarray(np.clip(scores, -self.clip, self.clip), np.float32)
