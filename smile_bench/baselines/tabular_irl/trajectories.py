"""Sampling trajectories of many tasks in a table, and improving policies step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.grid.planning import MDP, soft_values

__all__ = ["Samples", "improve", "log_chances", "log_weights", "sample"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Trajectories of B tasks, M from each of G starts."""

    states: IntArray
    """s_t, (B, G, M, T)."""
    actions: IntArray
    """a_t, (B, G, M, T)."""
    log_chances: FloatArray
    """Σ_t log π_t(a_t | s_t), (B, G, M)."""


def sample(
    mdp: MDP, policy: FloatArray, starts: IntArray, number: int, rng: np.random.Generator
) -> Samples:
    """Sample trajectories of a policy.

    Args:
        mdp: dynamics of B tasks.
        policy: π_t(a | s), (B, T, S, A).
        starts: first states, (B, G).
        number: M, trajectories per start.
        rng: source of randomness.
    """
    horizon = policy.shape[1]
    state = np.repeat(starts[..., None], number, axis=2)
    states, actions = (np.empty((*state.shape, horizon), np.int64) for _ in range(2))
    task = np.arange(mdp.tasks)[:, None, None]
    place = np.zeros_like(state) if mdp.mixing.shape[1] == 1 else None
    for t in range(horizon):
        action = _sample_indices(policy[task, t, state], rng)
        states[..., t], actions[..., t] = state, action
        move = _sample_indices(mdp.mixing[task, state if place is None else place, action], rng)
        state = mdp.moves[state, move]
    return Samples(states, actions, log_chances(policy, states, actions))


def log_chances(policy: FloatArray, states: IntArray, actions: IntArray) -> FloatArray:
    """Σ_t log π_t(a_t | s_t), (B, ...), of trajectories (B, ..., T)."""
    extra = (1,) * (states.ndim - 2)
    task = np.arange(len(policy)).reshape(-1, *extra, 1)
    chances = policy[task, np.arange(policy.shape[1]), states, actions]
    return np.asarray(np.log(chances).sum(axis=-1))


def log_weights(returns: FloatArray, log_chances_: FloatArray) -> FloatArray:
    """log w_j = Σ r − Σ log π, the importance weights; the dynamics cancel (notes 11.3.3)."""
    return returns - log_chances_


def improve(mdp: MDP, policy: FloatArray, rewards: FloatArray, step: float) -> FloatArray:
    """Move a policy towards the soft-optimal policy: π^(1 − step) · π_soft^step, normalised.

    This is one step of mirror descent on the divergence from the soft-optimal policy. A step of 1
    reaches it.

    Args:
        mdp: dynamics of B tasks.
        policy: π_t(a | s), (B, T, S, A), positive everywhere.
        rewards: r(s, a), (B, S, A) or (B, S, 1).
        step: in (0, 1].
    """
    solved = soft_values(mdp, rewards, policy.shape[1])
    logs = (1.0 - step) * np.log(policy) + step * (solved.q - solved.v[:, :-1, :, None])
    chances = np.exp(logs - logs.max(axis=3, keepdims=True))
    # Keep every action possible, so that each trajectory has a finite weight.
    chances = np.maximum(chances / chances.sum(axis=3, keepdims=True), 1e-12)
    return np.asarray(chances / chances.sum(axis=3, keepdims=True))


def _sample_indices(chances: FloatArray, rng: np.random.Generator) -> IntArray:
    """Indices (...) sampled from distributions (..., n)."""
    levels = chances.cumsum(axis=-1)
    indices = (rng.random(chances.shape[:-1])[..., None] > levels).sum(axis=-1)
    # Rounding may leave the last level below 1: stop at the last index with a positive chance.
    return np.asarray(np.minimum(indices, (chances > 0.0).cumsum(axis=-1).argmax(axis=-1)))
