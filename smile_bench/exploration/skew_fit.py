"""Skew-Fit in a table: reweighted states make the distribution of goals broader (notes, 6.4.2).

A model p(s) of goals proposes states; a weighted maximum-likelihood fit to the states reached, with
weights w(s) = p(s)^α, is the next model. Source: Pong et al. (2020).
"""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.exploration.quantities import require_distributions

__all__ = ["skew", "skewed", "weighted_fit", "weights"]


def weights(model: FloatArray, alpha: float) -> FloatArray:
    """w(s) = p(s)^α, (..., S), of models (..., S), and 0 where p is 0.

    Raises:
        InputError: not distributions, or α outside [−1, 0].
    """
    model = require_distributions("the model", model)
    if not -1.0 <= alpha <= 0.0:
        raise InputError(
            f"alpha must be in [-1, 0], where entropy does not fall: -1 makes the distribution "
            f"uniform in one step and 0 leaves it as it is; got {alpha}."
        )
    seen = model > 0.0
    return np.where(seen, np.where(seen, model, 1.0) ** alpha, 0.0)


def weighted_fit(reached: FloatArray, weights_: FloatArray) -> FloatArray:
    """argmax_p Σ_s reached(s) w(s) log p(s), (..., S): the weighted maximum-likelihood table.

    Args:
        reached: how often each state was reached, (..., S), as counts or chances.
        weights_: w(s), (..., S).

    Raises:
        InputError: a number is negative or not finite, or none is positive.
    """
    mass = np.asarray(reached * weights_, np.float64)
    if not np.isfinite(mass).all() or (mass < 0.0).any() or (mass.sum(axis=-1) <= 0.0).any():
        raise InputError(
            "reached states and weights must be finite and not negative, and some state that was "
            "reached must have a positive weight."
        )
    return np.asarray(mass / mass.sum(axis=-1, keepdims=True))


def skew(model: FloatArray, alpha: float) -> FloatArray:
    """One step where proposed goals are reached: p_{k+1} ∝ p_k · p_k^α, (..., S).

    Raises:
        InputError: not distributions, or α outside [−1, 0].
    """
    return weighted_fit(model, weights(model, alpha))


def skewed(model: FloatArray, alpha: float, iterations: int) -> FloatArray:
    """The models p_0 to p_K of K steps, (K + 1, ..., S).

    Raises:
        InputError: not distributions, α outside [−1, 0], or a negative number of iterations.
    """
    if iterations < 0:
        raise InputError(f"iterations must not be negative, got {iterations}.")
    models = [require_distributions("the model", model)]
    for _ in range(iterations):
        models.append(skew(models[-1], alpha))
    return np.stack(models)
