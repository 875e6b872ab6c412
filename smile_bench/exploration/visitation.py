"""Where a policy goes, and the policy that goes where a reward asks, with and without a horizon.

Arrays have the axes (task, step, state, action). A visitation here is a distribution: over the
steps of an episode of T steps, or over all steps with weights (1 − γ) γ^t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.envs.grid.planning import hard_values, visitation
from smile_bench.errors import InputError

__all__ = [
    "Response",
    "best_response",
    "discounted_best_response",
    "discounted_visitation",
    "episode_visitation",
    "require_discount",
    "uniform_policy",
]


@dataclass(frozen=True, eq=False)
class Response:
    """An optimal policy of B tasks, and where it goes."""

    policy: FloatArray
    """π_t(a | s), (B, T, S, A), or π(a | s), (B, S, A), where there is no horizon."""
    visits: FloatArray
    """Visitation d(s, a), (B, S, A), of sum 1."""
    values: FloatArray
    """Σ d(s, a) r(s, a), (B,): the mean reward of a step. No policy has more."""


def require_discount(discount: float) -> None:
    """Refuse a discount γ outside [0, 1).

    Raises:
        InputError: naming it.
    """
    if not 0.0 <= discount < 1.0:
        raise InputError(f"the discount must be in [0, 1), got {discount}.")


def uniform_policy(mdp: MDP, horizon: int) -> FloatArray:
    """The policy that takes each action equally often, (B, T, S, A)."""
    return np.full((mdp.tasks, horizon, mdp.states, mdp.actions), 1.0 / mdp.actions)


def episode_visitation(mdp: MDP, policy: FloatArray, start: FloatArray) -> FloatArray:
    """d(s, a) = (1/T) Σ_t p(s_t = s, a_t = a), (B, S, A). Its sum over a is the state marginal.

    Args:
        mdp: dynamics of B tasks.
        policy: π_t(a | s), (B, T, S, A).
        start: distribution of s_1, (B, S).

    Raises:
        InputError: shapes that do not fit, or not a distribution.
    """
    return np.asarray(visitation(mdp, policy, start).mean(axis=1))


def discounted_visitation(
    mdp: MDP, policy: FloatArray, start: FloatArray, discount: float
) -> FloatArray:
    """d(s, a) = (1 − γ) Σ_t γ^t p(s_t = s, a_t = a), (B, S, A), by solving linear equations.

    Args:
        mdp: dynamics of B tasks.
        policy: π(a | s), (B, S, A).
        start: distribution of the first state, (B, S).
        discount: γ.

    Raises:
        InputError: shapes that do not fit, not a distribution, or a discount outside [0, 1).
    """
    start = mdp.require_start(start)
    steps = _steps(mdp, policy, discount)
    flow = np.eye(mdp.states) - discount * steps.swapaxes(1, 2)
    states = np.linalg.solve(flow, (1.0 - discount) * start[..., None])
    return np.asarray(states * policy)


def best_response(mdp: MDP, rewards: FloatArray, start: FloatArray, horizon: int) -> Response:
    """The best policy for a reward within T steps, by value iteration; ties to the lowest action.

    Args:
        mdp: dynamics of B tasks.
        rewards: r(s, a), (B, S, A) or (B, S, 1).
        start: distribution of s_1, (B, S).
        horizon: T.

    Raises:
        InputError: shapes that do not fit, not a distribution, or a horizon below 1.
    """
    solved = hard_values(mdp, rewards, horizon)
    visits = episode_visitation(mdp, solved.policy, start)
    return Response(solved.policy, visits, (visits * rewards).sum(axis=(1, 2)))


def discounted_best_response(
    mdp: MDP, rewards: FloatArray, start: FloatArray, discount: float
) -> Response:
    """The best stationary policy for a discounted reward, by policy iteration.

    Args:
        mdp: dynamics of B tasks.
        rewards: r(s, a), (B, S, A) or (B, S, 1).
        start: distribution of the first state, (B, S).
        discount: γ.

    Raises:
        InputError: shapes that do not fit, not a distribution, or a discount outside [0, 1).
    """
    mdp.require_rewards(rewards, 1)
    rewards = np.broadcast_to(rewards, (mdp.tasks, mdp.states, mdp.actions))
    actions = rewards.argmax(axis=2)
    while True:
        policy = np.eye(mdp.actions)[actions]
        flow = np.eye(mdp.states) - discount * _steps(mdp, policy, discount)
        v = np.linalg.solve(flow, (policy * rewards).sum(axis=2)[..., None])[..., 0]
        q = rewards + discount * mdp.expected(v)
        kept = np.take_along_axis(q, actions[..., None], axis=2)[..., 0]
        # Rounding must not make two equal actions take turns.
        better = q.max(axis=2) > kept + 1e-12 * (1.0 + np.abs(q).max())
        if not better.any():
            break
        actions = np.where(better, q.argmax(axis=2), actions)
    visits = discounted_visitation(mdp, policy, start, discount)
    return Response(policy, visits, (visits * rewards).sum(axis=(1, 2)))


def _steps(mdp: MDP, policy: FloatArray, discount: float) -> FloatArray:
    """P_π(s′ | s), (B, S, S)."""
    require_discount(discount)
    if policy.shape != (mdp.tasks, mdp.states, mdp.actions):
        raise InputError(
            f"a stationary policy has shape {(mdp.tasks, mdp.states, mdp.actions)}, got "
            f"{policy.shape}."
        )
    return np.asarray(np.matmul(policy[:, :, None], mdp.tensor)[:, :, 0])
