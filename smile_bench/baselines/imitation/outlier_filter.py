"""Demonstrations without outliers: experts sometimes fail, and imitators should not copy that."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.datasets import Context
from smile_bench.errors import InputError

__all__ = ["OutlierFilter"]

STEPS = 100
"""Most concentration steps; each lowers the scatter's determinant, or it is the last."""


@dataclass(frozen=True, eq=False)
class OutlierFilter:
    """Leaves out transitions whose states are far from most demonstrated states.

    The distance is Mahalanobis', under the location and scatter of the remaining states: the
    minimum covariance determinant by concentration steps (Rousseeuw and Van Driessen 1999), which
    start from all states. Many outliers in one place would therefore not be found. The filter sees
    neither rewards nor tasks.
    """

    location: FloatArray
    """(O,)."""
    precision: FloatArray
    """Inverse of the scatter, (O, O)."""
    bound: float
    """Squared distance beyond which a state is left out."""

    @classmethod
    def of(cls, observations: Float32Array, share: float) -> OutlierFilter:
        """Leave out a share of the states (..., O).

        Raises:
            InputError: a share outside (0, 0.5), or states that do not span their space.
        """
        if not 0.0 < share < 0.5:
            raise InputError(f"outlier_fraction is {share}; give a share above 0 and below 0.5.")
        states = observations.reshape(-1, observations.shape[-1]).astype(np.float64)
        near = np.ones(len(states), np.bool_)
        for _ in range(STEPS):
            scatter = np.cov(states[near], rowvar=False)
            if np.linalg.matrix_rank(scatter, hermitian=True) < len(scatter):
                raise InputError(
                    "the demonstrated states do not span their space (a coordinate is constant or "
                    "follows from others), so that distances are not defined. Set "
                    "outlier_fraction to 0."
                )
            precision = np.linalg.inv(scatter).astype(np.float64)
            made = cls(states[near].mean(0), precision, np.inf)
            distances = made.distances(states)
            made = replace(made, bound=float(np.quantile(distances, 1.0 - share)))
            before, near = near, distances <= made.bound
            if np.array_equal(before, near):
                break
        return made

    def distances(self, observations: Float32Array | FloatArray) -> FloatArray:
        """Squared Mahalanobis distances (...) of states (..., O)."""
        away = observations.astype(np.float64) - self.location
        return np.asarray(np.einsum("...i,ij,...j->...", away, self.precision, away))

    def kept(self, observations: Float32Array) -> BoolArray:
        """Which transitions (..., T) of demonstrations with states (..., T, O) are kept.

        A demonstration that would lose every transition keeps all of them.
        """
        near = self.distances(observations) <= self.bound
        return near | ~near.any(-1, keepdims=True)

    def __call__(self, context: Context) -> Context:
        """Filter demonstrations (..., T, ·); their number of transitions stays the same.

        The other transitions of a demonstration take the places of those that are left out.
        """
        kept = self.kept(context.observations)
        first = np.argsort(~kept, axis=-1, kind="stable")
        turn = np.cumsum(~kept, axis=-1) - 1
        stand_ins = np.take_along_axis(first, turn % kept.sum(-1, keepdims=True), axis=-1)
        chosen = np.where(kept, np.arange(kept.shape[-1]), stand_ins)[..., None]

        def column(values: Float32Array) -> Float32Array:
            return np.take_along_axis(values, chosen, axis=-2)

        return replace(
            context,
            observations=column(context.observations),
            actions=None if context.actions is None else column(context.actions),
            next_observations=column(context.next_observations),
        )
