"""Reaching goals: values of all pairs of states, and hindsight relabelling (CS285 notes, 6.4.2).

An episode ends when its goal is reached. With a discount, V*(s, g) is the largest expectation of
γ^(steps until g); within T steps, it is the largest chance of reaching g. V(g, g) = 1. Source of
relabelling: Andrychowicz et al. (2017); with all goals at once, Kaelbling (1993).
"""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.visitation import require_discount

__all__ = [
    "future_goals",
    "goal_chances",
    "goal_values",
    "greedy_goal_values",
    "relabelled_q_learning",
]

CONVERGED = 1e-13
"""The largest change of a value in the last sweep of value iteration, times 1 − γ."""


def goal_values(mdp: MDP, discount: float) -> tuple[FloatArray, FloatArray]:
    """Q*(s, a, g), (B, S, A, G), and V*(s, g), (B, S, G), of all pairs, by value iteration.

    Every state is a goal, so that G = S. Q*(g, a, g) is γ times the value after leaving the goal.

    Args:
        mdp: dynamics of B tasks.
        discount: γ.

    Raises:
        InputError: a discount outside [0, 1).
    """
    require_discount(discount)
    v = np.tile(np.eye(mdp.states), (mdp.tasks, 1, 1))
    while True:
        q = discount * _expected(mdp, v)
        new = _at_goal(q.max(axis=2))
        change = float(np.abs(new - v).max())
        v = new
        if discount * change <= CONVERGED * (1.0 - discount):
            return q, v


def goal_chances(mdp: MDP, horizon: int) -> FloatArray:
    """The largest chance of reaching g from s within h steps, (B, H + 1, S, G), for h = 0 to H.

    Args:
        mdp: dynamics of B tasks.
        horizon: H.

    Raises:
        InputError: a negative horizon.
    """
    if horizon < 0:
        raise InputError(f"the horizon must not be negative, got {horizon}.")
    chances = [np.tile(np.eye(mdp.states), (mdp.tasks, 1, 1))]
    for _ in range(horizon):
        chances.append(_at_goal(_expected(mdp, chances[-1]).max(axis=2)))
    return np.stack(chances, axis=1)


def greedy_goal_values(mdp: MDP, q: FloatArray, discount: float) -> FloatArray:
    """V^π(s, g), (B, S, G), of the policy that takes argmax_a Q(s, a, g), by value iteration.

    Args:
        mdp: dynamics of B tasks.
        q: Q(s, a, g), (B, S, A, G).
        discount: γ.

    Raises:
        InputError: another shape, or a discount outside [0, 1).
    """
    require_discount(discount)
    shape = (mdp.tasks, mdp.states, mdp.actions, mdp.states)
    if q.shape != shape:
        raise InputError(f"Q(s, a, g) must have shape {shape}, got {q.shape}.")
    chosen = q.argmax(axis=2)[:, :, None]
    v = np.tile(np.eye(mdp.states), (mdp.tasks, 1, 1))
    while True:
        ahead = discount * _expected(mdp, v)
        new = _at_goal(np.take_along_axis(ahead, chosen, axis=2)[:, :, 0])
        change = float(np.abs(new - v).max())
        v = new
        if discount * change <= CONVERGED * (1.0 - discount):
            return v


def future_goals(states: IntArray, number: int, rng: np.random.Generator) -> IntArray:
    """Goals in hindsight: states that the episode reached after each step, (N, T, number).

    Args:
        states: s_1 to s_{T+1} of N episodes, (N, T + 1).
        number: goals for each step.
        rng: source of randomness.

    Raises:
        InputError: episodes without a step, or a number below 1.
    """
    if states.ndim != 2 or states.shape[1] < 2 or number < 1:
        raise InputError(
            f"relabelling needs episodes (N, T + 1) of a step or more and a goal or more for each "
            f"step, got shape {states.shape} and {number} goals."
        )
    steps = states.shape[1] - 1
    first = np.arange(1, steps + 1)[:, None]
    later = rng.integers(first, steps + 1, size=(len(states), steps, number))
    return np.take_along_axis(states[:, None], later, axis=2)


def relabelled_q_learning(
    states: IntArray,
    actions: IntArray,
    goals: IntArray,
    counts: tuple[int, int],
    discount: float,
    *,
    passes: int = 1,
    rate_power: float = 0.8,
) -> FloatArray:
    """Q(s, a, g), (S, A, S), by Q-learning on relabelled transitions, from the last to the first.

    Each transition (s, a, s′) is learnt from once for each of its goals: the target is γ where
    s′ = g, else γ max_a Q(s′, a, g). The n-th update of an entry has the rate n^−power.

    Where moves are random, goals from the transition's own future favour lucky transitions: the
    estimate of P(s′ | s, a) for a goal is conditioned on having reached it. Goals that do not
    depend on the episode, such as all states, have no such bias.

    Args:
        states: s_1 to s_{T+1} of N episodes, (N, T + 1).
        actions: a_1 to a_T, (N, T).
        goals: of each transition, (N, T, number) from :func:`future_goals`, or (G,) for all.
            Repetitions within a transition count once.
        counts: S and A.
        discount: γ.
        passes: how often to go through the episodes.
        rate_power: in (0.5, 1], so that the estimates converge.

    Raises:
        InputError: shapes that do not fit, goals or states outside the space, a discount outside
            [0, 1), or a power outside (0.5, 1].
    """
    require_discount(discount)
    _require_episodes(states, actions, goals, counts)
    if not 0.5 < rate_power <= 1.0:
        raise InputError(f"the power of the rate must be in (0.5, 1], got {rate_power}.")
    q = np.zeros((counts[0], counts[1], counts[0]))
    updates = np.zeros_like(q)
    for _ in range(passes):
        for n in range(len(states)):
            for t in range(actions.shape[1] - 1, -1, -1):
                s, a, after = states[n, t], actions[n, t], states[n, t + 1]
                g = goals if goals.ndim == 1 else goals[n, t]
                target = discount * np.where(g == after, 1.0, q[after][:, g].max(axis=0))
                updates[s, a, g] += 1.0
                q[s, a, g] += (target - q[s, a, g]) / updates[s, a, g] ** rate_power
    return q


def _require_episodes(
    states: IntArray, actions: IntArray, goals: IntArray, counts: tuple[int, int]
) -> None:
    steps = actions.shape
    fits = actions.ndim == 2 and states.shape == (steps[0], steps[1] + 1)
    if not fits or not (goals.ndim == 1 or goals.shape[:-1] == steps):
        raise InputError(
            "episodes have states (N, T + 1), actions (N, T) and goals (N, T, number) or (G,), got "
            f"{states.shape}, {steps} and {goals.shape}."
        )
    limits = (("states", states, 0), ("actions", actions, 1), ("goals", goals, 0))
    for name, given, axis in limits:
        if given.size and (given.min() < 0 or given.max() >= counts[axis]):
            raise InputError(
                f"{name} must be integers from 0 to {counts[axis] - 1}, got {given.min()} to "
                f"{given.max()}."
            )


def _expected(mdp: MDP, values: FloatArray) -> FloatArray:
    """E[v(s′, g) | s, a], (B, S, A, G), of values (B, S, G)."""
    return np.asarray(np.matmul(mdp.mixing, values[:, mdp.moves]))


def _at_goal(values: FloatArray) -> FloatArray:
    """The values (B, S, G) with 1 on the diagonal."""
    here = np.arange(values.shape[1])
    values[:, here, here] = 1.0
    return values
