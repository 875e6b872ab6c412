"""Exact tools for finite Markov decision processes with a finite horizon, many tasks at once.

B tasks share states, actions and horizon and differ in transition probabilities and rewards.
Throughout, r(s, a) is the reward of a step in state s with action a, T is the number of steps, and
arrays have the axes (task, step, state, action) in this order. The source is chapters 10 and 11.2
of the CS285 lecture notes; "causal" is Ziebart's maximum causal entropy (2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.grid.mdp import MDP, UNDERFLOW, largest
from smile_bench.errors import InputError

__all__ = [
    "MDP",
    "Messages",
    "Solution",
    "hard_values",
    "message_visits",
    "messages",
    "reachable",
    "require_reachable",
    "soft_values",
    "visitation",
]


@dataclass(frozen=True, eq=False)
class Solution:
    """Values and policy of B tasks."""

    q: FloatArray
    """Q_t(s, a), (B, T, S, A)."""
    v: FloatArray
    """V_t(s), (B, T + 1, S); V_T = 0."""
    policy: FloatArray
    """π_t(a | s), (B, T, S, A)."""


def soft_values(mdp: MDP, rewards: FloatArray, horizon: int, *, causal: bool = True) -> Solution:
    """Soft value iteration backwards from the horizon, and its soft-optimal policy.

    V_t(s) = log Σ_a exp Q_t(s, a) and π_t = exp(Q_t − V_t).

    If ``causal``, Q = r + E[V_{t+1}(s')]: the policy has the largest sum of return and entropy
    under the true dynamics (notes 11.3.2). Otherwise Q = r + log E[exp V_{t+1}(s')] = log β, the
    backward messages (notes 11.2.2). These mistake luck for skill where dynamics are random. Both
    agree where dynamics are deterministic.

    Args:
        mdp: dynamics of B tasks.
        rewards: r(s, a), (B, S, A) or (B, S, 1).
        horizon: T.
        causal: which of the two to compute.

    Raises:
        InputError: rewards of another shape or not finite, or a horizon below 1.
    """
    mdp.require_rewards(rewards, horizon)
    q = np.empty((horizon, mdp.tasks, mdp.states, mdp.actions))
    v = np.zeros((horizon + 1, mdp.tasks, mdp.states))
    policy = np.empty_like(q)
    for t in range(horizon - 1, -1, -1):
        ahead = mdp.expected(v[t + 1]) if causal else mdp.log_expected(v[t + 1])
        np.add(rewards, ahead, out=q[t])
        top = largest(q[t])
        np.exp(q[t] - top[..., None], out=policy[t])
        total = policy[t] @ np.ones(mdp.actions)
        policy[t] /= total[..., None]
        v[t] = top + np.log(total)
    return Solution(q.swapaxes(0, 1), v.swapaxes(0, 1), policy.swapaxes(0, 1))


def hard_values(mdp: MDP, rewards: FloatArray, horizon: int) -> Solution:
    """Value iteration backwards from the horizon, and a deterministic optimal policy.

    Ties go to the lowest action. Arguments and errors are those of :func:`soft_values`.
    """
    mdp.require_rewards(rewards, horizon)
    q = np.empty((horizon, mdp.tasks, mdp.states, mdp.actions))
    v = np.zeros((horizon + 1, mdp.tasks, mdp.states))
    for t in range(horizon - 1, -1, -1):
        np.add(rewards, mdp.expected(v[t + 1]), out=q[t])
        v[t] = largest(q[t])
    policy = np.eye(mdp.actions)[q.argmax(axis=3)]
    return Solution(q.swapaxes(0, 1), v.swapaxes(0, 1), policy.swapaxes(0, 1))


def visitation(mdp: MDP, policy: FloatArray, start: FloatArray) -> FloatArray:
    """State-action visitation p(s_t, a_t) of a policy under the true dynamics, (B, T, S, A).

    Args:
        mdp: dynamics of B tasks.
        policy: π_t(a | s), (B, T, S, A).
        start: distribution of s_1, (B, S).

    Raises:
        InputError: shapes that do not fit, or not a distribution.
    """
    start = mdp.require_start(start)
    if policy.ndim != 4 or policy.shape[::2] != (mdp.tasks, mdp.states):
        raise InputError(f"a policy has shape (tasks, steps, states, actions), got {policy.shape}.")
    flows = np.empty((policy.shape[1], mdp.tasks, mdp.states, mdp.actions))
    state = start
    for t in range(len(flows)):
        np.multiply(state[..., None], policy[:, t], out=flows[t])
        state = mdp.push(flows[t])
    return flows.swapaxes(0, 1)


@dataclass(frozen=True, eq=False)
class Messages:
    """The forward and backward messages of trajectories p(τ) exp(Σ r) / Z (notes 11.2.2)."""

    log_alpha: FloatArray
    """log α_t(s), (B, T, S): weight of all paths that reach s at t."""
    log_beta: FloatArray
    """log β_t(s, a), (B, T, S, A): weight of all paths from (s, a) on."""
    log_beta_state: FloatArray
    """log β_t(s) = log Σ_a β_t(s, a), (B, T, S)."""
    log_partition: FloatArray
    """log Z, (B,)."""

    @property
    def policy(self) -> FloatArray:
        """p(a_t | s_t, O) = β_t(s, a) / β_t(s), (B, T, S, A) (notes 11.2.5)."""
        return np.exp(self.log_beta - self.log_beta_state[..., None])

    @property
    def visitation(self) -> FloatArray:
        """μ_t(s, a) = α_t(s) β_t(s, a) / Z, (B, T, S, A) (notes 11.2.6)."""
        log_mass = self.log_alpha[..., None] + self.log_beta
        return np.exp(log_mass - self.log_partition[:, None, None, None])


def messages(
    mdp: MDP, rewards: FloatArray, start: FloatArray, horizon: int, *, tilt_start: bool = True
) -> Messages:
    """Forward and backward messages, and the log-partition, of Algorithm 37.

    Args:
        mdp: dynamics of B tasks.
        rewards: r(s, a), (B, S, A) or (B, S, 1).
        start: distribution of s_1, (B, S).
        horizon: T.
        tilt_start: whether Z sums over all trajectories, as in the notes, so that those from better
            starts weigh more. If False, each trajectory is normalised among those that share its
            start, and log Z is the mean of log Z(s_1).

    Raises:
        InputError: shapes that do not fit, or not a distribution.
    """
    start = mdp.require_start(start)
    backward = soft_values(mdp, rewards, horizon, causal=False)
    first = backward.v[:, 0]
    log_alpha = np.full((horizon, mdp.tasks, mdp.states), -np.inf)
    seen = start > 0.0
    if tilt_start:
        log_alpha[0][seen] = np.log(start[seen])
        partition = _log_sum(np.where(seen, log_alpha[0] + first, -np.inf))
    else:
        partition = (start * first).sum(axis=1)
        shifted = first - partition[:, None]
        log_alpha[0][seen] = np.log(start[seen]) - shifted[seen]
    for t in range(horizon - 1):
        weight = log_alpha[t][..., None] + rewards
        top = weight.max(axis=(1, 2))
        pushed = mdp.push(
            np.broadcast_to(np.exp(weight - top[:, None, None]), backward.q[:, 0].shape)
        )
        with np.errstate(divide="ignore"):  # A state that cannot be reached: log 0.
            log_alpha[t + 1] = np.log(pushed) + top[:, None]
    return Messages(log_alpha.swapaxes(0, 1), backward.q, backward.v[:, :-1], partition)


def message_visits(
    mdp: MDP, rewards: FloatArray, start: FloatArray, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """log Z and Σ_t μ_t(s, a) of :func:`messages` with given starts, without taking logarithms.

    The backward pass scales β by its largest value. The forward pass follows the posterior
    p(s_{t+1} | s, a, O) ∝ P(s_{t+1} | s, a) β_{t+1}(s_{t+1}). Where β spans more than floats can
    hold, :func:`messages` is called instead.

    Returns:
        log Z, (B,), and expected steps in each state and action, (B, S, A).
    """
    mdp.require_rewards(rewards, horizon)
    start = mdp.require_start(start)
    highest = rewards.max(axis=(1, 2), keepdims=True)
    factor = np.exp(rewards - highest)
    ones = np.ones(mdp.actions)
    beta = np.ones((horizon + 1, mdp.tasks, mdp.states))
    mixed = np.empty((horizon, mdp.tasks, mdp.states, mdp.actions))
    share = np.empty_like(mixed)
    scale = horizon * highest[:, 0, 0]
    for t in range(horizon - 1, -1, -1):
        mixed[t] = mdp.expected(beta[t + 1])
        np.multiply(factor, mixed[t], out=share[t])
        total = share[t] @ ones
        if total.min() < UNDERFLOW or mixed[t].min() < UNDERFLOW:
            both = messages(mdp, rewards, start, horizon, tilt_start=False)
            return both.log_partition, both.visitation.sum(axis=1)
        share[t] /= total[..., None]
        top = total.max(axis=1)
        beta[t] = total / top[:, None]
        scale = scale + np.log(top)
    partition = scale + (start * np.log(beta[0])).sum(axis=1)
    visits, state = np.zeros(mixed.shape[1:]), start
    for t in range(horizon):
        flow = state[..., None] * share[t]
        visits += flow
        state = mdp.push(flow / mixed[t]) * beta[t + 1]
    return partition, visits


def reachable(mdp: MDP, start: FloatArray, horizon: int) -> BoolArray:
    """Which states can be visited within T steps from the start, (B, S).

    Args:
        mdp: dynamics of B tasks.
        start: distribution of s_1, (B, S).
        horizon: T.

    Raises:
        InputError: not a distribution.
    """
    flow = mdp.require_start(start) > 0.0
    for _ in range(horizon - 1):
        spread = np.repeat(flow[..., None].astype(np.float64), mdp.actions, axis=2)
        flow = flow | (mdp.push(spread) > 0.0)
    return flow


def require_reachable(mdp: MDP, start: FloatArray, states: IntArray, horizon: int) -> None:
    """Refuse goals that no policy can reach.

    Args:
        mdp: dynamics of B tasks.
        start: distribution of s_1, (B, S).
        states: the goal of each task, (B,).
        horizon: T.

    Raises:
        InputError: naming the tasks and states.
    """
    there = reachable(mdp, start, horizon)[np.arange(mdp.tasks), states]
    if not there.all():
        bad = np.flatnonzero(~there)
        pairs = ", ".join(f"state {states[i]} of task {i}" for i in bad[:5].tolist())
        raise InputError(
            f"{pairs} cannot be reached from the start within {horizon} steps, whatever the "
            "policy: choose another goal, a longer horizon or other starts."
        )


def _log_sum(values: FloatArray) -> FloatArray:
    """log Σ exp over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0])
