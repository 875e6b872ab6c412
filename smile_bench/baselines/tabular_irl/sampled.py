"""Sample-based inverse RL on a grid: guided cost learning, IRL as a GAN (CS285 notes 11.3, 11.4).

Policy and reward take turns. The policy moves a little towards the soft-optimal policy for the
current reward. Trajectories are sampled from it in the estimated dynamics, and the reward takes one
step. All contexts of a call are treated at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.agents import Context
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.adam import Adam
from smile_bench.baselines.tabular_irl.contexts import (
    DecodedContexts,
    PlannedPolicy,
    read_contexts,
    require_grid,
)
from smile_bench.baselines.tabular_irl.trajectories import (
    Samples,
    improve,
    log_chances,
    log_weights,
    sample,
)
from smile_bench.envs.grid.planning import MDP, hard_values, visitation

__all__ = [
    "GanIRL",
    "GuidedCostLearning",
    "PlainDiscriminator",
    "SampledConfig",
    "density_gradient",
    "density_logits",
    "importance_shares",
]


@dataclass(frozen=True, kw_only=True)
class SampledConfig:
    """Settings of the three agents."""

    iterations: int = 50
    """How often policy and reward take turns."""
    samples: int = 4
    """Trajectories sampled from each demonstration's start, per iteration."""
    learning_rate: float = 0.3
    """Of Adam on the weights; falls to 0 along a cosine."""
    policy_step: float = 0.5
    """How far the policy moves towards the soft-optimal one per iteration."""
    deviation: float = 3.0
    """σ of the prior N(0, σ²) on each weight."""
    seed: int = 0
    """Of the sampled trajectories."""


def importance_shares(log_w: FloatArray) -> FloatArray:
    """Normalised importance weights w_j / Σ w_j over the last axis (notes 11.3.3)."""
    shares = np.exp(log_w - log_w.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def density_logits(
    returns: FloatArray, log_partition: FloatArray, log_chances_: FloatArray
) -> FloatArray:
    """Logits of D(τ) = exp(r)/Z / (Π π + exp(r)/Z) (notes 11.4.6): r(τ) − log Z − Σ log π."""
    return returns - log_partition - log_chances_


def density_gradient(
    expert_logits: FloatArray,
    expert_features: FloatArray,
    expert_shares: FloatArray,
    logits: FloatArray,
    features: FloatArray,
    shares: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Gradient of E_{τ~p*} log D + E_{τ~π} log(1 − D) by ψ and by log Z (notes after 11.4.6).

    Where D is ½, the gradient by ψ is half of MaxEnt's.

    Args:
        expert_logits: D's logits of the demonstrations, (..., N).
        expert_features: f(τ) = Σ_t f(s_t, a_t) of the demonstrations, (..., N, K).
        expert_shares: the weight of each demonstration in the expectation, (..., N).
        logits: D's logits of the policy's trajectories, (..., M).
        features: f(τ) of the policy's trajectories, (..., M, K).
        shares: the weight of each trajectory in the expectation, (..., M).

    Returns:
        The gradients by ψ (..., K) and by log Z (...).
    """
    real = expert_shares / (1.0 + np.exp(np.clip(expert_logits, -500, 500)))
    sampled = shares / (1.0 + np.exp(-np.clip(logits, -500, 500)))
    by_weights = (real[..., None] * expert_features).sum(axis=-2)
    by_weights = by_weights - (sampled[..., None] * features).sum(axis=-2)
    return by_weights, sampled.sum(axis=-1) - real.sum(axis=-1)


@dataclass(frozen=True, eq=False)
class _Turn:
    """What the reward's turn follows from."""

    decoded: DecodedContexts
    policy: FloatArray
    """(slots, T, S, A)."""
    weights: FloatArray
    """Of the reward, (slots, K)."""
    rng: np.random.Generator
    """Of the sampled trajectories."""


class _Sampled(ABC):
    """The loop that the three agents share."""

    name: str

    def __init__(self, family: str, config: SampledConfig | None = None) -> None:
        self.family, self.config = require_grid(family), config or SampledConfig()

    def infer(self, contexts: Sequence[Context]) -> tuple[MDP, FloatArray, FloatArray]:
        """The estimated dynamics, weights (slots, K) and the last policy (slots, T, S, A).

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        decoded = read_contexts(contexts, self.family)
        config, family = self.config, self.family
        # All slots share one random stream, so a slot's samples depend on its position; the agents
        # that sample say so with ``stochastic``.
        rng = np.random.default_rng(config.seed)
        slots = len(contexts)
        weights = np.zeros(decoded.counts.shape)
        shape = (slots, family.horizon, family.cells, family.action_size)
        policy = np.full(shape, 1.0 / family.action_size)
        adam = Adam(weights.shape)
        self._begin(decoded)
        for k in range(config.iterations):
            policy = improve(decoded.mdp, policy, family.rewards(weights), config.policy_step)
            gradient = self._gradient(_Turn(decoded, policy, weights, rng))
            gradient -= weights / (decoded.shots[:, None] * config.deviation**2)
            rate = 0.5 * config.learning_rate * (1.0 + np.cos(np.pi * k / config.iterations))
            weights = weights + rate * adam.direction(gradient)
        return decoded.mdp, weights, policy

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Infer the reward, then plan for it.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        mdp, weights, _ = self.infer(contexts)
        planned = hard_values(mdp, self.family.rewards(weights), self.family.horizon)
        return PlannedPolicy(self.family, planned.policy)

    def _begin(self, decoded: DecodedContexts) -> None:  # noqa: B027 (only one agent has state)
        """Prepare for contexts."""

    @abstractmethod
    def _gradient(self, turn: _Turn) -> FloatArray:
        """The direction (slots, K) in which the reward improves."""

    def _sample(self, turn: _Turn) -> tuple[Samples, FloatArray, FloatArray]:
        """Trajectories of the policy, their features (B, G, M, K) and returns (B, G, M)."""
        decoded = turn.decoded
        starts = decoded.cells[:, :, 0]
        samples = sample(decoded.mdp, turn.policy, starts, self.config.samples, turn.rng)
        features = self.family.features[samples.states].sum(axis=3)
        return samples, features, np.einsum("bgmk,bk->bgm", features, turn.weights)


class GuidedCostLearning(_Sampled):
    """Guided cost learning: MaxEnt's gradient by importance sampling (notes 11.3.1 to 11.3.3).

    Trajectories are sampled from each demonstration's start. Each has the importance weight
    w = exp(Σ r) / Π π, normalised over the trajectories from the same start.

    Args:
        family: a gridworld family's id.
        config: settings.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "guided-cost-learning"
    stochastic = True

    def _gradient(self, turn: _Turn) -> FloatArray:
        samples, features, returns = self._sample(turn)
        shares = importance_shares(log_weights(returns, samples.log_chances))
        expected = np.einsum("bg,bgm,bgmk->bk", turn.decoded.shares, shares, features)
        return np.asarray(turn.decoded.counts - expected)


class GanIRL(_Sampled):
    """IRL as a GAN with a density-form discriminator: logit r(τ) − log Z − Σ log π (notes 11.4.6).

    It learns the weights and, for each demonstration's start, log Z.

    Args:
        family: a gridworld family's id.
        config: settings.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "gan-irl"
    stochastic = True

    def _begin(self, decoded: DecodedContexts) -> None:
        steps = self.family.horizon * np.log(self.family.action_size)
        self.log_partition = np.full(decoded.present.shape, steps)
        self.partition_adam = Adam(decoded.present.shape)
        self.expert_features = self.family.features[decoded.cells].sum(axis=2)

    def _gradient(self, turn: _Turn) -> FloatArray:
        samples, features, returns = self._sample(turn)
        decoded, expert = turn.decoded, self.expert_features[:, :, None]
        expert_returns = np.einsum("bgnk,bk->bgn", expert, turn.weights)
        expert_chances = log_chances(turn.policy, decoded.cells, decoded.moves)[..., None]
        z = self.log_partition[..., None]
        by_weights, by_partition = density_gradient(
            density_logits(expert_returns, z, expert_chances),
            expert,
            np.ones((*expert.shape[:2], 1)),
            density_logits(returns, z, samples.log_chances),
            features,
            np.full(features.shape[:3], 1.0 / features.shape[2]),
        )
        self.log_partition = self.log_partition + 0.3 * self.partition_adam.direction(by_partition)
        return np.asarray(np.einsum("bg,bgk->bk", decoded.shares, by_weights))


class PlainDiscriminator(_Sampled):
    """IRL as a GAN with a plain classifier of states, whose logit is the reward (notes 11.4).

    The classifier is logistic in the cells' features, and expectations under the policy are exact.
    At convergence the classifier is at chance and its reward says nothing. The agent therefore acts
    by the policy that fooled it and does not plan.

    Args:
        family: a gridworld family's id.
        config: settings.

    Raises:
        AgentError: the family is not a gridworld.
    """

    name = "gan-plain"

    def _gradient(self, turn: _Turn) -> FloatArray:
        decoded = turn.decoded
        policy_visits = visitation(decoded.mdp, turn.policy, decoded.start).sum(axis=(1, 3))
        probability = 1.0 / (1.0 + np.exp(-self.family.rewards(turn.weights)[..., 0]))
        difference = decoded.visits * (1.0 - probability) - policy_visits * probability
        return np.asarray(difference @ self.family.features)

    def adapt(self, contexts: Sequence[Context]) -> PlannedPolicy:
        """Train classifier and policy, then act by the policy.

        Raises:
            AgentError: :func:`read_contexts` refuses the contexts.
        """
        return PlannedPolicy(self.family, self.infer(contexts)[2])
