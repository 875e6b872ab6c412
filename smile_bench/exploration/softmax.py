"""Softmax policies in a table: their return and its exact gradient."""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.envs.grid.planning import visitation
from smile_bench.errors import InputError

__all__ = ["expected_return", "log_gradient", "return_gradient", "softmax"]


def softmax(logits: FloatArray) -> FloatArray:
    """π(a | s) ∝ exp θ(s, a), (..., A).

    Raises:
        InputError: logits that are not finite.
    """
    if not np.isfinite(logits).all():
        raise InputError("the logits of a softmax policy must be finite.")
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def log_gradient(logits: FloatArray, counts: FloatArray) -> FloatArray:
    """∇ Σ counts(s, a) log π(a | s) with respect to θ, (..., S, A).

    Args:
        logits: θ(s, a), (S, A).
        counts: how often each action was taken, (..., S, A).
    """
    return np.asarray(counts - counts.sum(axis=-1, keepdims=True) * softmax(logits))


def expected_return(
    mdp: MDP, rewards: FloatArray, logits: FloatArray, start: FloatArray, horizon: int
) -> float:
    """J(θ) = E[Σ_t r(s_t, a_t)] over T steps of one task.

    Args:
        mdp: dynamics of one task.
        rewards: r(s, a), (1, S, A) or (1, S, 1).
        logits: θ(s, a), (S, A).
        start: distribution of s_1, (1, S).
        horizon: T.

    Raises:
        InputError: more than one task, or shapes that do not fit.
    """
    return float((_visits(mdp, rewards, logits, start, horizon) * rewards[0]).sum())


def return_gradient(
    mdp: MDP, rewards: FloatArray, logits: FloatArray, start: FloatArray, horizon: int
) -> FloatArray:
    """∇J(θ) = Σ_t p(s_t) π(a | s_t) (Q_t − V_t), (S, A): the policy-gradient theorem.

    Arguments and errors are those of :func:`expected_return`.
    """
    visits, policy = _visits(mdp, rewards, logits, start, horizon), softmax(logits)
    ahead, gradient = np.zeros((1, mdp.states)), np.zeros_like(policy)
    for t in range(horizon - 1, -1, -1):
        q = rewards[0] + mdp.expected(ahead)[0]
        v = (policy * q).sum(axis=1)
        gradient += visits[t] * (q - v[:, None])
        ahead = v[None]
    return gradient


def _visits(
    mdp: MDP, rewards: FloatArray, logits: FloatArray, start: FloatArray, horizon: int
) -> FloatArray:
    """p(s_t, a_t), (T, S, A)."""
    mdp.require_rewards(rewards, horizon)
    if mdp.tasks != 1 or logits.shape != (mdp.states, mdp.actions):
        raise InputError(
            f"one task and logits of shape {(mdp.states, mdp.actions)} are needed, got "
            f"{mdp.tasks} tasks and {logits.shape}."
        )
    policy = np.broadcast_to(softmax(logits), (1, horizon, mdp.states, mdp.actions))
    return np.asarray(visitation(mdp, policy, start)[0])
