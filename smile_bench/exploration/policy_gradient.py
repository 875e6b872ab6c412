"""Off-policy policy gradients with demonstrations (CS285 notes, section 6.5.2).

Trajectories come from a density q: a policy's, or the fusion of several. Dynamics cancel in the
ratio of densities, so that a density here is that of the actions: Π_{t' ≤ t} π(a_{t'} | s_{t'}).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.errors import InputError
from smile_bench.exploration.softmax import softmax

__all__ = ["best_proposal", "densities", "fusion", "gradients", "importance_weights"]


def densities(policy: FloatArray, states: IntArray, actions: IntArray) -> FloatArray:
    """Π_{t' ≤ t} π(a_{t'} | s_{t'}), (N, T), of trajectories (N, T).

    Args:
        policy: π(a | s), (S, A).
        states: s_1 to s_T, (N, T).
        actions: a_1 to a_T, (N, T).

    Raises:
        InputError: states and actions of different shapes.
    """
    if states.shape != actions.shape or states.ndim != 2:
        raise InputError(
            f"states and actions must have one shape (N, T), got {states.shape} and "
            f"{actions.shape}."
        )
    return np.asarray(policy[states, actions].cumprod(axis=1))


def fusion(sources: FloatArray) -> FloatArray:
    """q = (1/M) Σ_i q_i, (N, T), of densities (M, N, T): each trajectory from one of M sources."""
    return np.asarray(np.mean(sources, axis=0))


def importance_weights(target: FloatArray, source: FloatArray) -> FloatArray:
    """p / q, (N, T), of densities (N, T).

    Raises:
        InputError: q is zero where a trajectory went. The message names the first such step.
    """
    wrong = np.argwhere(source <= 0.0)
    if len(wrong):
        n, t = wrong[0].tolist()
        raise InputError(
            f"the sampling density is zero at step {t} of trajectory {n}, which was sampled from "
            "it: smooth the fitted density of demonstrations, or fuse it with the policy's own."
        )
    return np.asarray(target / source)


def gradients(
    logits: FloatArray,
    states: IntArray,
    actions: IntArray,
    rewards: FloatArray,
    source: FloatArray,
    *,
    future: Literal["weighted", "as sampled"] = "weighted",
) -> FloatArray:
    """The estimate of ∇J(θ) from each trajectory, (N, S, A), of a softmax policy. Take the mean.

    With ``future="weighted"``, each reward has the weight of all actions up to it:
    Σ_t ∇log π(a_t | s_t) Σ_{t' ≥ t} r_{t'} Π_{t'' ≤ t'} π / q. This is unbiased. The notes print
    the product up to t only, for all later rewards: ``future="as sampled"``. Later actions then
    count as q takes them, which is biased where q is not π.

    Args:
        logits: θ(s, a), (S, A).
        states: s_1 to s_T, (N, T).
        actions: a_1 to a_T, (N, T).
        rewards: r(s_t, a_t), (N, T).
        source: the density q of the actions up to each step, (N, T), from :func:`densities` or
            :func:`fusion`.
        future: how to weigh the rewards that follow an action.

    Raises:
        InputError: shapes that do not fit, or a density that is zero where a trajectory went.
    """
    policy = softmax(logits)
    weights = importance_weights(densities(policy, states, actions), source)
    if rewards.shape != weights.shape:
        raise InputError(f"rewards must have shape {weights.shape}, got {rewards.shape}.")
    if future == "weighted":
        credit = _from_here_on(weights * rewards)
    else:
        credit = weights * _from_here_on(rewards)
    score = np.eye(policy.shape[1])[actions] - policy[states]
    found = np.zeros((len(states), *policy.shape))
    for t in range(states.shape[1]):
        found[np.arange(len(states)), states[:, t]] += score[:, t] * credit[:, t, None]
    return found


def best_proposal(target: FloatArray, values: FloatArray) -> FloatArray:
    """q(x) ∝ p(x) |f(x)|, (N,): the samples for E_p[f] whose weighted mean varies least.

    If f does not change its sign, the variance is zero.

    Args:
        target: p(x), (N,).
        values: f(x), (N,).

    Raises:
        InputError: f is zero wherever p is positive.
    """
    mass = target * np.abs(values)
    if not mass.sum() > 0.0:
        raise InputError("f is zero wherever p is positive: its mean needs no samples.")
    return np.asarray(mass / mass.sum())


def _from_here_on(values: FloatArray) -> FloatArray:
    """Σ_{t' ≥ t}, (N, T)."""
    return np.asarray(values[:, ::-1].cumsum(axis=1)[:, ::-1])
