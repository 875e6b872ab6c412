"""State-marginal matching, exactly (CS285 notes, section 6.4.3).

The state marginal p_π(s) of a policy is the share of an episode's steps spent in s. To match a
target p*(s), the notes alternate between a policy that maximises E[log p*(s) − log p_π(s)] and a
fit of p_π to all states seen so far. This is the method of Frank and Wolfe for
min D_KL(p_π ‖ p*): the bonus is the negative gradient, and the policy that maximises it is the
step's direction. Sources: Lee et al. (2019), Hazan et al. (2019).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.envs.grid.planning import reachable
from smile_bench.errors import ConvergenceWarning, InputError
from smile_bench.exploration.quantities import divergence, require_distributions
from smile_bench.exploration.visitation import best_response, episode_visitation, uniform_policy

__all__ = ["Averaging", "Matched", "bonus", "historical_averaging", "match"]

FLOOR = 1e-6
"""What the fit to a single policy takes for the chance of a state that the policy never visits."""


@dataclass(frozen=True, eq=False)
class Averaging:
    """The notes' loop: what each policy visits, and what has been visited so far."""

    last: FloatArray
    """State marginal of the K-th policy, (K + 1, B, S); the first policy is uniform."""
    average: FloatArray
    """Mean of the marginals so far, (K + 1, B, S): that of the mixture of policies."""
    gaps: FloatArray
    """E_{π^{k+1}}[r̃] − E_{p_k}[r̃], (K, B), where r̃ is the bonus before step k + 1.

    With averaging it bounds how far D_KL(average ‖ p*) is above the optimum.
    """


@dataclass(frozen=True, eq=False)
class Matched:
    """A mixture of policies; an episode follows one of them, chosen by its weight."""

    policies: FloatArray
    """π_t(a | s) of each, (N, T, S, A)."""
    weights: FloatArray
    """Of the policies, (N,), positive and of sum 1."""
    marginal: FloatArray
    """p_π(s) of the mixture, (S,)."""
    divergence: float
    """D_KL(p_π ‖ p*)."""
    gap: float
    """The certificate: no policy and no mixture has a divergence lower by more than this."""


def bonus(marginal: FloatArray, target: FloatArray) -> FloatArray:
    """r̃(s) = log p*(s) − log p_π(s), (..., S), and 0 where both are 0.

    Raises:
        InputError: not distributions, or a state with only one of the two.
    """
    p = require_distributions("the marginal", marginal)
    q = require_distributions("the target", target)
    if ((p > 0.0) != (q > 0.0)).any():
        raise InputError(
            "the bonus is infinite in a state that has a target but no visits, or visits but no "
            "target: give a marginal and a target that are positive in the same states."
        )
    there = p > 0.0
    return np.asarray(np.log(np.where(there, q, 1.0)) - np.log(np.where(there, p, 1.0)))


def historical_averaging(
    mdp: MDP,
    target: FloatArray,
    start: FloatArray,
    horizon: int,
    iterations: int,
    *,
    averaging: bool = True,
) -> Averaging:
    """The notes' loop with an exact best response in each iteration.

    Args:
        mdp: dynamics of B tasks.
        target: p*(s), (B, S), positive in the states that can be reached and only there.
        start: distribution of s_1, (B, S).
        horizon: T.
        iterations: K.
        averaging: whether p_π is fit to all states seen so far. If False, it is fit to those of the
            last policy, and states that this policy does not visit get the chance ``FLOOR``. This
            is not marginal matching: each policy runs from the states of the one before.

    Raises:
        InputError: shapes that do not fit, not distributions, or a target elsewhere.
    """
    target = _require_target(mdp, target, start, horizon)
    first = _marginal(mdp, uniform_policy(mdp, horizon), start)
    last, average, gaps = [first], [first], []
    for k in range(1, iterations + 1):
        seen = average[-1] if averaging else last[-1]
        fitted = np.where(target > 0.0, np.maximum(seen, 0.0 if averaging else FLOOR), 0.0)
        reward = bonus(fitted / fitted.sum(axis=1, keepdims=True), target)
        response = best_response(mdp, reward[..., None], start, horizon)
        gaps.append(response.values - (seen * reward).sum(axis=1))
        last.append(response.visits.sum(axis=2))
        average.append(average[-1] + (last[-1] - average[-1]) / (k + 1))
    return Averaging(
        np.stack(last), np.stack(average), np.array(gaps).reshape(iterations, mdp.tasks)
    )


def match(
    mdp: MDP,
    target: FloatArray,
    start: FloatArray,
    horizon: int,
    *,
    tolerance: float = 1e-6,
    iterations: int = 1000,
) -> Matched:
    """The mixture of policies whose state marginal is closest to the target, with a certificate.

    Plain averaging gives each policy the same weight, and its gap falls only as 1/k. Here each
    iteration adds the best response to the history and weights the whole history optimally (the
    fully corrective method). If the gap is above the tolerance after the last iteration, a
    ``ConvergenceWarning`` says so.

    Args:
        mdp: dynamics of one task.
        target: p*(s), (1, S), positive in the states that can be reached and only there.
        start: distribution of s_1, (1, S).
        horizon: T.
        tolerance: the largest gap accepted.
        iterations: the largest number of policies to add to the uniform one.

    Raises:
        InputError: more than one task, shapes that do not fit, or a target elsewhere,
            or a negative number of iterations.
    """
    if mdp.tasks != 1:
        raise InputError(f"match takes one task at a time, got dynamics of {mdp.tasks}.")
    if iterations < 0:
        raise InputError(f"iterations must not be negative, got {iterations}.")
    goal = _require_target(mdp, target, start, horizon)[0]
    policies = [uniform_policy(mdp, horizon)[0]]
    history = _marginal(mdp, policies[0][None], start)
    weights = np.ones(1)
    for k in range(iterations + 1):
        marginal = weights @ history
        reward = bonus(marginal, goal)
        response = best_response(mdp, reward[None, :, None], start, horizon)
        gap = float(response.values[0] - marginal @ reward)
        if gap <= tolerance or k == iterations:
            break
        policies.append(response.policy[0])
        history = np.concatenate((history, response.visits.sum(axis=2)))
        weights = _reweighted(history, np.append(weights, 0.0), goal, gap / 10.0)
    if gap > tolerance:
        warnings.warn(
            f"state-marginal matching has a gap of {gap:.3g} after {iterations} best responses, "
            f"and {tolerance:.3g} was asked for: allow more iterations or a larger tolerance.",
            ConvergenceWarning,
            stacklevel=2,
        )
    far = float(divergence(marginal / marginal.sum(), goal))
    return Matched(np.stack(policies), weights, marginal, far, gap)


def _reweighted(
    history: FloatArray, weights: FloatArray, target: FloatArray, gap: float
) -> FloatArray:
    """argmin over mixtures w of D_KL(Σ w_i p_i ‖ p*), to within the gap, by a barrier method.

    With −μ Σ log w_i added, the optimum is within N μ of the best. Newton steps find it.
    """
    there = target > 0.0
    rows, goal = history[:, there], target[there]
    number = len(weights)
    barrier = gap / (2.0 * number)
    w = 0.9 * weights + 0.1 / number

    def objective(w: FloatArray) -> float:
        p = w @ rows
        return float(p @ np.log(p / goal) - barrier * np.log(w).sum())

    for _ in range(100):
        p = w @ rows
        slope = w * (rows @ np.log(p / goal)) - barrier
        # In units of the weights, the barrier's curvature is a multiple of the identity.
        root = w[:, None] * rows / np.sqrt(p)
        curvature = root @ root.T + barrier * np.eye(number)
        free, held = np.linalg.solve(curvature, np.stack((slope, w), axis=1)).T
        move = held * (w @ free) / (w @ held) - free
        decrement = float(-(move @ slope))
        if decrement <= 1e-3 * barrier:
            break
        step = min(1.0, 0.95 / max(float(-move.min()), 1e-12))
        now = objective(w)
        while objective(w * (1.0 + step * move)) > now - 0.1 * step * decrement and step > 1e-12:
            step /= 2.0
        w = w * (1.0 + step * move)
        w /= w.sum()
    return w


def _marginal(mdp: MDP, policy: FloatArray, start: FloatArray) -> FloatArray:
    return np.asarray(episode_visitation(mdp, policy, start).sum(axis=2))


def _require_target(mdp: MDP, target: FloatArray, start: FloatArray, horizon: int) -> FloatArray:
    target = require_distributions("the target", target)
    if target.shape != (mdp.tasks, mdp.states):
        raise InputError(
            f"the target must have shape {(mdp.tasks, mdp.states)}, got {target.shape}."
        )
    wrong = np.argwhere((target > 0.0) != reachable(mdp, start, horizon))
    if len(wrong):
        task, state = wrong[0].tolist()
        can = "cannot" if target[task, state] > 0.0 else "can"
        raise InputError(
            f"the target of state {state} in task {task} is {target[task, state]:.3g}, but the "
            f"state {can} be reached within {horizon} steps: give a positive target to the states "
            "that can be reached, and to no others."
        )
    return target
