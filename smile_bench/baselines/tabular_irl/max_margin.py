"""Feature matching and maximum-margin inverse RL (CS285 notes 11.1.1 to 11.1.3).

Both alternate between planning and a quadratic programme, which Clarabel solves.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.contexts import PlannedPolicy, read_contexts, require_grid
from smile_bench.baselines.tabular_irl.quadratic_program import solve_qp
from smile_bench.envs.grid.planning import MDP, hard_values, visitation
from smile_bench.errors import ConvergenceWarning

__all__ = ["FeatureMatching", "Matching", "MaxMarginIRL", "match_features", "nearest_mixture"]


SAME = 1e-9
"""Policies whose feature expectations are closer than this count as one."""


def nearest_mixture(points: FloatArray, target: FloatArray) -> FloatArray:
    """Weights (n,) of the mixture of points (n, K) that is nearest to a target (K,).

    Raises:
        AgentError: as :func:`solve_qp`.
    """
    n = len(points)
    constraints = np.concatenate((np.ones((1, n)), -np.eye(n)))
    bounds = np.concatenate(([1.0], np.zeros(n)))
    mixture, _ = solve_qp(points @ points.T, -points @ target, constraints, bounds, 1)
    mixture = np.maximum(mixture, 0.0)
    return np.asarray(mixture / mixture.sum())


@dataclass(frozen=True, eq=False)
class Matching:
    """The result of feature matching for one task."""

    margins: list[float]
    """The margin max_w min_j w · (μ_E − μ_j) over ‖w‖ ≤ 1 after each policy; it never grows."""
    weights: FloatArray
    """μ_E − μ̄, the direction of the last margin, (K,)."""
    expectations: FloatArray
    """μ_j, the feature expectations of each policy found, (J, K)."""
    mixture: FloatArray
    """Probability of each policy, (J,)."""
    visits: FloatArray
    """Visitation p(s_t, a_t) of the mixture, (T, S, A)."""


def match_features(
    mdp: MDP,
    features: FloatArray,
    target: FloatArray,
    start: FloatArray,
    horizon: int,
    *,
    tolerance: float = 1e-3,
    iterations: int = 60,
    warn: bool = True,
) -> Matching:
    """Find a mixture of policies with the demonstrations' feature expectations (notes 11.1.1).

    The margin is the most by which some ‖w‖ ≤ 1 separates the expert from all policies found
    (11.1.2). It equals the distance from μ_E to the convex hull of their feature expectations, and
    w points along it, so one quadratic programme gives both. The best policy for w then joins. This
    repeats until the margin is below the tolerance or no policy helps (Abbeel and Ng 2004).

    Args:
        mdp: dynamics of one task.
        features: φ(s), (S, K).
        target: μ_E, the demonstrations' feature expectations, (K,).
        start: distribution of s_1, (1, S).
        horizon: T.
        tolerance: the margin to stop at.
        iterations: the most policies to find.
        warn: whether to warn if the margin stays above the tolerance.

    Warns:
        ConvergenceWarning: the iterations ran out; with the remaining margin.

    Raises:
        AgentError: as :func:`solve_qp`.
    """
    weights, margins, flows = target.copy(), list[float](), list[FloatArray]()
    expectations = np.empty((0, len(target)))
    while True:
        flow = _best_visits(mdp, features @ weights, start, horizon)
        reached = flow.sum(axis=(0, 2)) @ features
        if margins:
            known = np.abs(expectations - reached).max(axis=1).min() < SAME
            if known or weights @ (reached - (target - weights)) < tolerance**2:
                break  # No policy reaches beyond the hull towards μ_E.
        expectations = np.concatenate((expectations, reached[None]))
        flows.append(flow)
        mixture = nearest_mixture(expectations, target)
        weights = target - mixture @ expectations
        margins.append(float(np.linalg.norm(weights)))
        if margins[-1] < tolerance:
            break
        if len(flows) >= iterations:
            if warn:
                warnings.warn(
                    f"feature matching stopped after {iterations} policies with a margin of "
                    f"{margins[-1]:.3g}, tolerance {tolerance:.3g}. Allow more iterations.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
            break
    visits = np.tensordot(mixture, np.stack(flows), axes=1)
    return Matching(margins, weights, expectations, mixture, visits)


def _best_visits(mdp: MDP, rewards: FloatArray, start: FloatArray, horizon: int) -> FloatArray:
    """Visitation (T, S, A) of an optimal policy for rewards (S,)."""
    planned = hard_values(mdp, rewards[None, :, None], horizon)
    return np.asarray(visitation(mdp, planned.policy, start)[0])


class FeatureMatching:
    """Acts by the mixture of policies that matches the context's feature expectations.

    The Markov policy μ_t(s, a) / μ_t(s) has the same visits as the mixture, so the agent acts by
    that. In states that the mixture never visits, it plans for the reward of the last margin,
    μ_E − μ̄.

    Args:
        family: a gridworld family's id.
        seed: of the generator that samples the moves.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "feature-matching"
    stochastic = True

    def __init__(self, family: str, *, seed: int = 0) -> None:
        self.family, self.seed = require_grid(family), seed

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Match the feature expectations of each context.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts, or as :func:`solve_qp`.
        """
        decoded = read_contexts(contexts, self.family)
        family, even = self.family, self.family.start[None]
        policies = []
        for i in range(len(contexts)):
            mdp = family.mdp(decoded.slips[i : i + 1])
            # Give every start a little weight, so that the mixture visits every state.
            start = 0.98 * decoded.start[i : i + 1] + 0.02 * even
            found = match_features(
                mdp,
                family.features,
                decoded.counts[i],
                start,
                family.horizon,
                tolerance=0.05,
                iterations=25,
                warn=False,
            )
            mass = found.visits.sum(axis=2, keepdims=True)
            rewards = family.rewards(found.weights[None])
            fallback = hard_values(mdp, rewards, family.horizon).policy[0]
            shares = found.visits / np.where(mass > 1e-12, mass, 1.0)
            policies.append(np.where(mass > 1e-12, shares, fallback))
        return PlannedPolicy(family, np.stack(policies), np.random.default_rng(self.seed))


class MaxMarginIRL:
    """Maximum-margin planning (notes 11.1.3), then acting optimally for the reward.

    Minimise ½‖ψ‖² + C ξ subject to ψ · μ_E ≥ ψ · μ_π + D(π, π*) − ξ for all policies. D counts the
    steps in cells that no demonstration visits, so planning for ψ · φ + D finds the most violated
    constraint. The slack ξ allows for experts that are not quite optimal.

    Args:
        family: a gridworld family's id.
        cost: C, the price of slack.
        iterations: the most constraints to add.
        tolerance: the violation to stop at, in steps.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "max-margin-irl"

    def __init__(
        self, family: str, *, cost: float = 5.0, iterations: int = 30, tolerance: float = 0.05
    ) -> None:
        self.family = require_grid(family)
        self.cost, self.iterations, self.tolerance = cost, iterations, tolerance

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray]:
        """The estimated dynamics and weights (slots, K) of contexts.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts, or as :func:`solve_qp`.
        """
        decoded = read_contexts(contexts, self.family)
        family, mdp, horizon = self.family, decoded.mdp, self.family.horizon
        losses = (decoded.visits == 0.0).astype(np.float64)
        weights = np.zeros(decoded.counts.shape)
        slack, active = np.zeros(len(weights)), np.ones(len(weights), np.bool_)
        gaps: list[list[FloatArray]] = [[] for _ in weights]
        sizes: list[list[float]] = [[] for _ in weights]
        for _ in range(self.iterations):
            augmented = family.rewards(weights) + losses[..., None]
            planned = hard_values(mdp, augmented, horizon).policy
            visits = visitation(mdp, planned, decoded.start).sum(axis=(1, 3))
            gap, loss = decoded.counts - visits @ family.features, (visits * losses).sum(axis=1)
            active &= loss - (weights * gap).sum(axis=1) > slack + self.tolerance
            if not active.any():
                break
            for i in np.flatnonzero(active):
                gaps[i].append(gap[i])
                sizes[i].append(float(loss[i]))
                weights[i], slack[i] = self._solve(np.stack(gaps[i]), np.array(sizes[i]))
        return mdp, weights

    def _solve(self, gaps: FloatArray, sizes: FloatArray) -> tuple[FloatArray, float]:
        """Solve for ψ (K,) and ξ under ψ · gaps_j ≥ sizes_j − ξ; gaps (J, K), sizes (J,)."""
        k = gaps.shape[1]
        quadratic = np.diag(np.append(np.ones(k), 0.0))
        rows = np.concatenate((-gaps, -np.ones((len(gaps), 1))), axis=1)
        rows = np.concatenate((rows, -np.eye(k + 1)[-1:]))
        bounds = np.append(-sizes, 0.0)
        linear = np.append(np.zeros(k), self.cost)
        x, _ = solve_qp(quadratic, linear, rows, bounds, 0)
        return x[:k], float(x[k])

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer the reward, then plan for it.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts, or as :func:`solve_qp`.
        """
        mdp, weights = self.infer(contexts)
        planned = hard_values(mdp, self.family.rewards(weights), self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)
