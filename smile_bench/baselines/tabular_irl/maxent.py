"""Maximum-entropy inverse RL in a table (CS285 notes 11.2, Algorithm 37), many tasks at once.

For a reward that is linear in features, the likelihood of demonstrations under p(τ) exp(Σ r_ψ) / Z
is concave in ψ. Its gradient is the demonstrations' feature expectations minus those of the current
soft-optimal distribution. BFGS maximises it, instead of the notes' fixed steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.bfgs import Ascent, maximise
from smile_bench.baselines.tabular_irl.contexts import PlannedPolicy, read_contexts, require_grid
from smile_bench.envs.grid.planning import MDP, hard_values, message_visits, soft_values, visitation

__all__ = ["MaxEntIRL", "log_likelihood", "maxent_weights"]


def log_likelihood(
    mdp: MDP,
    features: FloatArray,
    counts: FloatArray,
    start: FloatArray,
    weights: FloatArray,
    horizon: int,
    *,
    causal: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Mean log-likelihood of demonstrations given their starts, and its gradient (notes 11.2.3).

    L(ψ) = ψ · μ_E − Σ_s p(s_1 = s) V_1(s), up to a constant; ∇L = μ_E − μ_ψ.

    Args:
        mdp: dynamics of B tasks.
        features: f(s, a), (S, A, K), or (S, 1, K) if the reward does not depend on the action.
        counts: μ_E, the sum of features of a demonstration on average, (B, K).
        start: distribution of the demonstrations' first states, (B, S).
        weights: ψ, (B, K).
        horizon: T.
        causal: use the maximum causal entropy form instead of the notes' messages: its μ_ψ is
            computed under the true dynamics. Both are equal if the dynamics are deterministic.

    Returns:
        L, (B,), and ∇L, (B, K).
    """
    rewards = np.asarray(np.tensordot(weights, features, axes=(1, 2)))
    if causal:
        solved = soft_values(mdp, rewards, horizon)
        partition = (start * solved.v[:, 0]).sum(axis=1)
        summed = visitation(mdp, solved.policy, start).sum(axis=1)
    else:
        partition, summed = message_visits(mdp, rewards, start, horizon)
    if features.shape[1] == 1:
        summed = summed.sum(axis=2, keepdims=True)
    expected = np.tensordot(summed, features, axes=((1, 2), (0, 1)))
    return (weights * counts).sum(axis=1) - partition, counts - expected


def maxent_weights(
    mdp: MDP,
    features: FloatArray,
    counts: FloatArray,
    start: FloatArray,
    horizon: int,
    *,
    causal: bool = False,
    penalty: FloatArray | float = 0.0,
    tolerance: float = 1e-6,
    iterations: int = 300,
) -> Ascent:
    """Maximise L(ψ) − penalty/2 ‖ψ‖² for B tasks, L as in :func:`log_likelihood`.

    Args:
        mdp: dynamics of B tasks.
        features: f(s, a), (S, A, K) or (S, 1, K).
        counts: μ_E, (B, K).
        start: distribution of the demonstrations' first states, (B, S).
        horizon: T.
        causal: which form of the likelihood.
        penalty: one number, or one per task (B,). A prior N(0, σ²) on each weight has the penalty
            1 / (demonstrations · σ²).
        tolerance: largest component of the gradient to stop at.
        iterations: the most iterations to do.

    Returns:
        The weights as ``points``, with values and residuals.

    Warns:
        ConvergenceWarning: a task did not reach the tolerance; with the residual.
    """
    strength = np.broadcast_to(np.asarray(penalty, np.float64), len(counts))[:, None]

    def objective(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, gradient = log_likelihood(
            mdp, features, counts, start, weights, horizon, causal=causal
        )
        value = value - 0.5 * (strength * np.square(weights)).sum(axis=1)
        return value, gradient - strength * weights

    return maximise(objective, np.zeros(counts.shape), tolerance=tolerance, iterations=iterations)


class MaxEntIRL:
    """Infers the reward of each context by MaxEnt IRL, then plans for it.

    Args:
        family: a gridworld family's id.
        causal: use the maximum causal entropy form instead of the notes' messages.
        deviation: σ of the prior N(0, σ²) on each weight.
        tolerance: largest component of the gradient to stop at.

    Raises:
        AgentError: the family is not a gridworld.
    """

    def __init__(
        self, family: str, *, causal: bool = False, deviation: float = 3.0, tolerance: float = 1e-4
    ) -> None:
        self.name = "causal-maxent-irl" if causal else "maxent-irl"
        self.family = require_grid(family)
        self.causal, self.deviation, self.tolerance = causal, deviation, tolerance

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray]:
        """The estimated dynamics and weights (slots, K) of contexts.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        decoded = read_contexts(contexts, self.family)
        found = maxent_weights(
            decoded.mdp,
            self.family.features[:, None],
            decoded.counts,
            decoded.start,
            self.family.horizon,
            causal=self.causal,
            penalty=np.asarray(1.0 / (decoded.shots * self.deviation**2), np.float64),
            tolerance=self.tolerance,
        )
        return decoded.mdp, found.points

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer the reward, then plan for it.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        mdp, weights = self.infer(contexts)
        planned = hard_values(mdp, self.family.rewards(weights), self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)
