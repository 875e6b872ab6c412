"""Demonstrations without what few of them show: experts fail now and then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.datasets import Context
from smile_bench.errors import InputError

__all__ = ["OutlierFilter"]

STEPS = 100
"""More concentration steps than it takes; each lowers the scatter's determinant, or it is over."""


@dataclass(frozen=True, eq=False)
class OutlierFilter:
    """Leaves out transitions from states that are far from where most demonstrations are.

    Far is a large Mahalanobis distance under the location and scatter of the other states: the
    minimum covariance determinant, by concentration steps (Rousseeuw and Van Driessen 1999) that
    start from all states, so that what is left out must not be many states at one place. No reward
    is looked at, and nothing of the task is known.
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
            InputError: a share that is not between 0 and a half, or states that do not span their
                space, so that there are no distances.
        """
        if not 0.0 < share < 0.5:
            raise InputError(
                f"the share to leave out is {share}; give more than 0 and less than half."
            )
        states = observations.reshape(-1, observations.shape[-1]).astype(np.float64)
        near = np.ones(len(states), np.bool_)
        for _ in range(STEPS):
            scatter = np.cov(states[near], rowvar=False)
            if np.linalg.matrix_rank(scatter, hermitian=True) < len(scatter):
                raise InputError(
                    "the demonstrations' states do not span their space (a coordinate is constant, "
                    "or follows from others), so that none can be left out as far; trim nothing."
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
        """Which transitions (..., T) of demonstrations from states (..., T, O) are left in.

        A demonstration of which nothing would be left stays whole.
        """
        near = self.distances(observations) <= self.bound
        return near | ~near.any(-1, keepdims=True)

    def __call__(self, context: Context) -> Context:
        """Demonstrations (..., T, ·) of as many transitions.

        What is left out of a demonstration is replaced by its other transitions, in turn.
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
