"""Feature matching and maximum-margin inverse RL (CS285 notes 11.1.1 to 11.1.3).

Both alternate planning with a quadratic programme, which Clarabel solves.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.contexts import PlannedPolicy, read_contexts, require_grid
from smile_bench.envs.grid.planning import MDP, hard_values, visitation
from smile_bench.errors import AgentError, ConvergenceWarning

__all__ = ["FeatureMatching", "Matching", "MaxMarginIRL", "match_features", "nearest_mixture"]


ACCURACY = 1e-6
"""Primal and dual residual and relative duality gap that a quadratic programme must reach."""
SAME = 1e-9
"""Feature expectations closer than this are of one policy."""


def solve_qp(
    quadratic: FloatArray,
    linear: FloatArray,
    constraints: FloatArray,
    bounds: FloatArray,
    equalities: int,
) -> tuple[FloatArray, FloatArray]:
    """min ½ x'Px + q'x subject to Ax ≤ b, the first rows with equality.

    Args:
        quadratic: P, (n, n), positive semidefinite.
        linear: q, (n,).
        constraints: A, (m, n).
        bounds: b, (m,).
        equalities: how many rows hold with equality.

    Returns:
        x, (n,), and the multipliers of the rows, (m,).

    Raises:
        AgentError: Clarabel is not installed, or did not solve it.
    """
    try:
        import clarabel
        from scipy import sparse
    except ModuleNotFoundError as error:
        raise AgentError(
            "the quadratic programmes of max-margin IRL need Clarabel: install it with "
            "`pip install 'smile-bench[irl]'`."
        ) from error
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    # Its scaling of rows and columns can keep a small degenerate programme from converging.
    settings.equilibrate_enable = False
    cones: list[Any] = [clarabel.ZeroConeT(equalities)] if equalities else []
    cones.append(clarabel.NonnegativeConeT(len(bounds) - equalities))
    upper = sparse.csc_matrix(np.triu(quadratic))
    rows = sparse.csc_matrix(constraints)
    solution = clarabel.DefaultSolver(upper, linear, rows, bounds, cones, settings).solve()
    gap = abs(solution.obj_val - solution.obj_val_dual) / max(1.0, abs(solution.obj_val))
    residual = max(solution.r_prim, solution.r_dual, gap)
    # Its own tolerance is out of reach for some degenerate programmes; what counts is the residual.
    if not residual < ACCURACY:
        raise AgentError(
            f"Clarabel ended with {solution.status}, residual {residual:.3g}, not below "
            f"{ACCURACY:g}: the feature expectations may not be finite, or be too large."
        )
    return np.array(solution.x), np.array(solution.z)


def nearest_mixture(points: FloatArray, target: FloatArray) -> FloatArray:
    """Weights (n,) of the mixture of points (n, K) that is nearest to a target (K,)."""
    n = len(points)
    constraints = np.concatenate((np.ones((1, n)), -np.eye(n)))
    bounds = np.concatenate(([1.0], np.zeros(n)))
    mixture, _ = solve_qp(points @ points.T, -points @ target, constraints, bounds, 1)
    mixture = np.maximum(mixture, 0.0)
    return np.asarray(mixture / mixture.sum())


@dataclass(frozen=True, eq=False)
class Matching:
    """What feature matching found for one task."""

    margins: list[float]
    """The margin max_w min_j w · (μ_E − μ_j) over ‖w‖ ≤ 1 after each policy; never grows."""
    weights: FloatArray
    """μ_E − μ̄, the direction of that margin, (K,)."""
    expectations: FloatArray
    """μ_j of every policy found, (J, K)."""
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

    The largest margin by which some ‖w‖ ≤ 1 tells the expert from all policies found (11.1.2) is
    the distance from μ_E to their convex hull, and w points along it: one quadratic programme gives
    both. The best policy for that w joins, until the margin is below the tolerance or no policy
    helps (Abbeel and Ng 2004).

    Args:
        mdp: dynamics of one task.
        features: φ(s), (S, K).
        target: μ_E, (K,).
        start: distribution of s_1, (1, S).
        horizon: T.
        tolerance: of the margin.
        iterations: at most so many policies.
        warn: whether to warn of non-convergence.

    Warns:
        ConvergenceWarning: the iterations ran out; with the margin that is left.
    """
    weights, margins, flows = target.copy(), list[float](), list[FloatArray]()
    expectations = np.empty((0, len(target)))
    while True:
        rewards = (features @ weights)[None, :, None]
        flow = visitation(mdp, hard_values(mdp, rewards, horizon).policy, start)[0]
        reached = flow.sum(axis=(0, 2)) @ features
        if margins:
            known = np.abs(expectations - reached).max(axis=1).min() < SAME
            if known or weights @ (reached - (target - weights)) < tolerance**2:
                break  # Nothing lies beyond the hull: no policy brings μ_E nearer.
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
                    f"{margins[-1]:.3g}, tolerance {tolerance:.3g}.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
            break
    visits = np.tensordot(mixture, np.stack(flows), axes=1)
    return Matching(margins, weights, expectations, mixture, visits)


class FeatureMatching:
    """Acts by the mixture of policies that matches the context's feature expectations.

    A mixture of policies visits what the Markov policy μ_t(s, a) / μ_t(s) visits; that one acts.
    Where the mixture never is, it acts by its last policy's reward, μ_E − μ̄.

    Args:
        family: a gridworld family's id.
        seed: of the moves' generator.
    """

    name = "feature-matching"
    stochastic = True

    def __init__(self, family: str, *, seed: int = 0) -> None:
        self.family, self.seed = require_grid(family), seed

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Match and act.

        Raises:
            AgentError: contexts that ``read_contexts`` refuses, or no solver.
        """
        decoded = read_contexts(contexts, self.family)
        family, even = self.family, self.family.start[None]
        policies = []
        for i in range(len(contexts)):
            mdp = family.mdp(decoded.slips[i : i + 1])
            # A little weight on every start, so that the mixture has an answer everywhere.
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

    min ½‖ψ‖² + C ξ subject to ψ · μ_E ≥ ψ · μ_π + D(π, π*) − ξ for all policies; D counts the steps
    in cells that no demonstration was in, so that the most violated constraint is found by planning
    for ψ · φ + D. The slack ξ allows for experts that are not quite optimal.

    Args:
        family: a gridworld family's id.
        cost: C.
        iterations: constraints at most.
        tolerance: of the violation at which to stop, in units of D.
    """

    name = "max-margin-irl"

    def __init__(
        self, family: str, *, cost: float = 5.0, iterations: int = 30, tolerance: float = 0.05
    ) -> None:
        self.family = require_grid(family)
        self.cost, self.iterations, self.tolerance = cost, iterations, tolerance

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray]:
        """The estimated dynamics and weights (slots, K) of contexts."""
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
                weights[i], slack[i] = self.programme(np.stack(gaps[i]), np.array(sizes[i]))
        return mdp, weights

    def programme(self, gaps: FloatArray, sizes: FloatArray) -> tuple[FloatArray, float]:
        """ψ (K,) and ξ for constraints ψ · gaps_j ≥ sizes_j − ξ, gaps (J, K), sizes (J,)."""
        k = gaps.shape[1]
        quadratic = np.diag(np.append(np.ones(k), 0.0))
        rows = np.concatenate((-gaps, -np.ones((len(gaps), 1))), axis=1)
        rows = np.concatenate((rows, -np.eye(k + 1)[-1:]))
        bounds = np.append(-sizes, 0.0)
        linear = np.append(np.zeros(k), self.cost)
        x, _ = solve_qp(quadratic, linear, rows, bounds, 0)
        return x[:k], float(x[k])

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer and plan.

        Raises:
            AgentError: contexts that ``read_contexts`` refuses, or no solver.
        """
        mdp, weights = self.infer(contexts)
        planned = hard_values(mdp, self.family.rewards(weights), self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)
