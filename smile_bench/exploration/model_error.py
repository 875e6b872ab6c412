"""The error of a fitted model as a bonus, and what is left of it where moves are random.

The notes' exploration by model error rewards ‖φ(s′) − f(s, a)‖² for a fitted f. The best f is the
mean of φ(s′), so that the bonus tends to the variance of φ(s′): zero where dynamics are
deterministic, but never zero where they are random (the "noisy television"). Schmidhuber (1991)
therefore rewards the model's improvement instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError

__all__ = [
    "LinearModel",
    "error_floor",
    "expected_error",
    "fit_linear",
    "fit_table",
]


@dataclass(frozen=True, eq=False)
class LinearModel:
    """f(s, a) = (s, a, 1) · W."""

    weights: FloatArray
    """W, (D + K + 1, D)."""

    def predict(self, states: FloatArray, actions: FloatArray) -> FloatArray:
        """Next states (N, D) of states (N, D) and actions (N, K)."""
        return np.asarray(_inputs(states, actions) @ self.weights)

    def errors(self, states: FloatArray, actions: FloatArray, after: FloatArray) -> FloatArray:
        """‖s′ − f(s, a)‖², (N,): the bonus of each transition."""
        return np.asarray(((after - self.predict(states, actions)) ** 2).sum(axis=1))


def fit_linear(states: FloatArray, actions: FloatArray, after: FloatArray) -> LinearModel:
    """The linear model with the least squared error; of several, the one with the least weights.

    Args:
        states: s, (N, D).
        actions: a, (N, K).
        after: s′, (N, D).

    Raises:
        InputError: shapes that do not fit, no transitions, or numbers that are not finite.
    """
    fits = states.ndim == actions.ndim == 2 and states.shape == after.shape
    if not fits or len(states) != len(actions) or not len(states):
        raise InputError(
            "a linear model is fitted to states (N, D), actions (N, K) and next states (N, D), got "
            f"{states.shape}, {actions.shape} and {after.shape}."
        )
    if not all(np.isfinite(given).all() for given in (states, actions, after)):
        raise InputError("states and actions must be finite: leave out diverged transitions.")
    solved = np.linalg.lstsq(_inputs(states, actions), after, rcond=None)[0]
    return LinearModel(np.asarray(solved))


def fit_table(
    states: IntArray, actions: IntArray, after: IntArray, features: FloatArray, number: int
) -> FloatArray:
    """f(s, a): the mean of φ(s′) over the transitions seen, (S, A, D), and 0 where none was.

    Args:
        states: s, (N,).
        actions: a, (N,).
        after: s′, (N,).
        features: φ(s), (S, D), such as one-hot rows or coordinates.
        number: A.

    Raises:
        InputError: shapes that do not fit, or states or actions out of range.
    """
    if not states.shape == actions.shape == after.shape or states.ndim != 1:
        raise InputError(
            f"states, actions and next states must have one shape (N,), got {states.shape}, "
            f"{actions.shape} and {after.shape}."
        )
    limits = (("states", states, len(features)), ("actions", actions, number))
    for name, given, limit in (*limits, ("next states", after, len(features))):
        if given.size and (given.min() < 0 or given.max() >= limit):
            raise InputError(f"{name} must be integers from 0 to {limit - 1}.")
    counts = np.zeros((len(features), number))
    sums = np.zeros((len(features), number, features.shape[1]))
    np.add.at(counts, (states, actions), 1.0)
    np.add.at(sums, (states, actions), features[after])
    return np.asarray(sums / np.maximum(counts, 1.0)[..., None])


def expected_error(mdp: MDP, features: FloatArray, predictions: FloatArray) -> FloatArray:
    """E[‖φ(s′) − f(s, a)‖² | s, a], (B, S, A): the bonus that a model expects.

    Args:
        mdp: dynamics of B tasks.
        features: φ(s), (S, D).
        predictions: f(s, a), (B, S, A, D) or (S, A, D).

    Raises:
        InputError: shapes that do not fit.
    """
    features = _require_features(mdp, features)
    shape = (mdp.states, mdp.actions, features.shape[1])
    if predictions.shape not in (shape, (mdp.tasks, *shape)):
        raise InputError(f"predictions must have shape {shape}, got {predictions.shape}.")
    bias = ((_mean(mdp, features) - predictions) ** 2).sum(axis=3)
    return np.asarray(error_floor(mdp, features) + bias)


def error_floor(mdp: MDP, features: FloatArray) -> FloatArray:
    """E‖φ(s′)‖² − ‖E φ(s′)‖², (B, S, A): the expected error of the best model.

    With one-hot features it is 1 − Σ P(s′ | s, a)².

    Args:
        mdp: dynamics of B tasks.
        features: φ(s), (S, D).

    Raises:
        InputError: features of another number of states.
    """
    features = _require_features(mdp, features)
    squares = np.tile((features**2).sum(axis=1), (mdp.tasks, 1))
    return np.asarray(mdp.expected(squares) - (_mean(mdp, features) ** 2).sum(axis=3))


def _mean(mdp: MDP, features: FloatArray) -> FloatArray:
    """E[φ(s′) | s, a], (B, S, A, D)."""
    return np.asarray(np.matmul(mdp.mixing, features[mdp.moves]))


def _inputs(states: FloatArray, actions: FloatArray) -> FloatArray:
    return np.concatenate((states, actions, np.ones((len(states), 1))), axis=1)


def _require_features(mdp: MDP, features: FloatArray) -> FloatArray:
    if features.ndim != 2 or len(features) != mdp.states:
        raise InputError(f"features must have shape ({mdp.states}, D), got {features.shape}.")
    return features
