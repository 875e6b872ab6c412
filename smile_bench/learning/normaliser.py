"""Z-scoring observations with statistics of the meta-train demonstrations only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray

__all__ = ["CLIP", "MINIMUM_SCALE", "Normaliser"]

MINIMUM_SCALE = 1e-3
CLIP = 10.0
"""Standard deviations; an imitator that strays sees no larger numbers."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of each observed coordinate."""

    mean: Float32Array
    """(observation_size,)."""
    scale: Float32Array
    """(observation_size,), at least 0.001."""

    @classmethod
    def of(cls, observations: Float32Array) -> Normaliser:
        """The statistics of observations (..., observation_size)."""
        flat = observations.reshape(-1, observations.shape[-1]).astype(np.float64)
        scale = np.maximum(flat.std(axis=0), MINIMUM_SCALE)
        return cls(flat.mean(axis=0).astype(np.float32), scale.astype(np.float32))

    def __call__(self, observations: FloatArray | Float32Array) -> Float32Array:
        """Z-scores of observations (..., observation_size), clipped where no expert goes."""
        scores = (observations - self.mean) / self.scale
        return np.clip(scores, -CLIP, CLIP).astype(np.float32)
