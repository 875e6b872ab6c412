"""BFGS for many tasks at once: one smooth concave function and one matrix per task.

SciPy's optimisers treat one function at a time. Here one call of the objective serves all tasks,
which is many times faster than one call per task.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import ConvergenceWarning

__all__ = ["Ascent", "maximise"]

Objective = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

SUFFICIENT = 1e-4
"""A step must gain at least this share of what the slope promises (Armijo)."""
HALVINGS = 25
"""How often a step is halved before the search gives up."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """The result of a maximisation."""

    points: FloatArray
    """The maximisers, (B, K)."""
    values: FloatArray
    """The maxima, (B,)."""
    residuals: FloatArray
    """Largest absolute component of each gradient, (B,)."""
    iterations: int
    """How many iterations were done."""


def maximise(
    objective: Objective,
    start: FloatArray,
    *,
    tolerance: float = 1e-6,
    iterations: int = 300,
) -> Ascent:
    """Maximise B functions of K numbers each by BFGS with backtracking.

    Args:
        objective: values (B,) and gradients (B, K) at points (B, K).
        start: where to start, (B, K).
        tolerance: a task is done when its residual is at most this.
        iterations: the most iterations to do.

    Warns:
        ConvergenceWarning: some tasks are not done; with the largest residual.
    """
    points = start.copy()
    values, gradients = objective(points)
    inverse = _scaled_identity(gradients)
    done = 0
    for _ in range(iterations):
        if np.abs(gradients).max() <= tolerance:
            break
        directions = np.einsum("bij,bj->bi", inverse, gradients)
        slopes = (directions * gradients).sum(axis=1)
        found = _search(objective, points, values, gradients, directions, slopes, tolerance)
        if found is None:
            break
        done += 1
        new_points, values, new_gradients = found
        _update(inverse, new_points - points, gradients - new_gradients)
        points, gradients = new_points, new_gradients
    residuals = np.abs(gradients).max(axis=1)
    unfinished = ~(residuals <= tolerance)  # A NaN is unfinished, too.
    if unfinished.any():
        warnings.warn(
            f"{int(unfinished.sum())} of {len(points)} tasks did not converge in "
            f"{done} iterations: largest residual {residuals.max():.3g}, tolerance "
            f"{tolerance:.3g}. Allow more iterations, or regularise.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Ascent(points, values, residuals, done)


def _scaled_identity(gradients: FloatArray) -> FloatArray:
    size = np.maximum(1.0, np.linalg.norm(gradients, axis=1))
    return np.asarray(np.eye(gradients.shape[1])[None] / size[:, None, None])


def _search(
    objective: Objective,
    points: FloatArray,
    values: FloatArray,
    gradients: FloatArray,
    directions: FloatArray,
    slopes: FloatArray,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Halve each task's step until the step gains enough; None if no open task can gain."""
    waiting = np.abs(gradients).max(axis=1) > tolerance
    open_tasks, steps = waiting.copy(), np.ones(len(points))
    kept = points.copy(), values.copy(), gradients.copy()
    for _ in range(HALVINGS):
        trial = np.where(waiting[:, None], points + steps[:, None] * directions, kept[0])
        new_values, new_gradients = objective(trial)
        # Near the optimum the gain is lost in rounding, so an equal value is accepted there.
        slack = 1e-12 * np.maximum(1.0, np.abs(values))
        climbs = new_values >= values + SUFFICIENT * steps * slopes - slack
        taken = waiting & climbs
        for old, new in zip(kept, (trial, new_values, new_gradients), strict=True):
            old[taken] = new[taken]
        waiting &= ~climbs
        if not waiting.any():
            break
        steps[waiting] *= 0.5
    return None if np.array_equal(waiting, open_tasks) else kept


def _update(inverse: FloatArray, s: FloatArray, y: FloatArray) -> None:
    """The BFGS update of the inverse Hessians (B, K, K) of −f, in place."""
    curvature = (s * y).sum(axis=1)
    good = curvature > 1e-14
    if not good.any():
        return
    s, y, rho = s[good], y[good], 1.0 / curvature[good]
    left = np.eye(s.shape[1]) - rho[:, None, None] * s[:, :, None] * y[:, None, :]
    outer = rho[:, None, None] * s[:, :, None] * s[:, None, :]
    inverse[good] = left @ inverse[good] @ left.transpose(0, 2, 1) + outer
