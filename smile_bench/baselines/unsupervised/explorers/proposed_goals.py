"""Learning with proposed goals (CS285 notes, Algorithm 32), and Skew-Fit.

A variational auto-encoder of the states reached proposes goals; the goal-conditioned policy
attempts them, and whatever it reaches trains policy and auto-encoder. Skew-Fit weights a state's
likelihood with w(x) = p_θ(x)^α, α in [−1, 0), so that rare states are proposed more often (Pong et
al. 2020, arXiv:1903.03698). α = 0 is plain maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import BoolArray
from smile_bench.baselines.unsupervised.config import GoalReachingConfig, require_fitting
from smile_bench.baselines.unsupervised.explorer import Explorer, Parts
from smile_bench.baselines.unsupervised.explorers.vae import VAE, VAEConfig
from smile_bench.baselines.unsupervised.training import GoalTrainings
from smile_bench.errors import InputError
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.stacking import FiniteLosses
from smile_bench.settings import COUNT

__all__ = ["Proposals", "ProposedGoalsConfig", "make_trainings", "skewed_weights"]


@dataclass(frozen=True, kw_only=True)
class ProposedGoalsConfig(GoalReachingConfig):
    """Settings of a training."""

    alpha: float = 0.0
    """Power of the weights w = p^α, in [−1, 0]."""
    propose_every: int = 2
    """Critic updates from one update of the auto-encoder to the next."""
    vae: VAEConfig = field(default_factory=VAEConfig)


class Proposals(Explorer):
    """Proposes a goal to each episode and learns from what is reached.

    Args:
        parts: what it shares with the goal learner.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts, self.config = parts, parts.configs[0]
        config: VAEConfig = self.config.vae
        space, device = parts.space, parts.compute.device
        vae = VAE(space.size, space.one_hot, config, parts.generators)
        self.vae = vae.to(device)
        adam = [AdamConfig(learning_rate=config.learning_rate) for _ in parts.configs]
        self._adam = StackedAdam([self.vae], adam)
        parts.compute.prepare(self.vae)
        self.finite = FiniteLosses(("the goals' model",), len(parts.configs), device)
        self.goals = torch.zeros(
            (len(parts.configs), parts.environments, space.size), device=device
        )
        """What each episode attempts, (M, N, G)."""

    def begin(self, over: BoolArray) -> None:
        """Propose goals to episodes that have just begun."""
        where = torch.unflatten(to_device(over, self.goals.device), 0, self.goals.shape[:2])
        proposed = self.propose(self.parts.environments)
        self.goals = torch.where(where[..., None], proposed, self.goals)

    @torch.no_grad()
    def act(self, states: Tensor) -> Tensor:
        """Attempt the goals: actions (M, N, A) in observations (M, N, O)."""
        return self.parts.sac.explore(self.parts.input(states, self.goals))

    @torch.no_grad()
    def propose(self, number: int) -> Tensor:
        """Goals x ~ p_θ(x), (M, B, G)."""
        streams, size = self.parts.streams, self.parts.space.size
        z = streams.normal(number, self.vae.latent)
        one_hot = self.parts.space.one_hot
        random = streams.uniform(number, size) if one_hot else streams.normal(number, size)
        return self._raw(self.vae.sample(z, random))

    def kind(self, number: int) -> bool:
        """Whether the model learns at the ``number``-th update."""
        return number % int(self.config.propose_every) == 0

    def update(self, number: int) -> dict[str, Tensor]:
        """One step on the weighted bound of log p_θ(x), at some updates.

        Returns:
            What to log, (M,) each.
        """
        if not self.kind(number):
            return {}
        streams, vae = self.parts.streams, self.vae
        config: VAEConfig = self.config.vae
        states = self.parts.replay.anywhere(streams, config.batch)
        features = self._scaled(self.parts.space.reached(states))
        bound = vae.bound(features, streams.normal(config.batch, vae.latent))
        losses = -(self._weights(features) * bound).mean(-1)
        self.finite.watch("the goals' model", losses)
        self._adam.step(losses.sum())
        return {"losses/goals_model": -bound.detach().mean(-1)}

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        return self.finite.failed(self._adam.rows)

    def state_dict(self, index: int) -> dict[str, Any]:
        """The model of a training, and what its episodes attempt."""
        return {"adam": self._adam.state_dict(index), "goals": self.goals[index]}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._adam.load_state_dict(index, state["adam"])
        self.goals[index].copy_(state["goals"])

    def _weights(self, features: Tensor) -> Tensor:
        """w(x) = p_θ(x)^α of features (M, B, G), scaled to mean 1 in a batch, (M, B)."""
        if self.config.alpha == 0.0:
            return torch.ones(features.shape[:2], device=features.device)
        config: VAEConfig = self.config.vae
        noise = self.parts.streams.normal(config.samples, config.batch, self.vae.latent)
        with torch.no_grad():
            density = self.vae.log_density(features, noise)
        return skewed_weights(density, self.config.alpha)

    def _scaled(self, features: Tensor) -> Tensor:
        """What the model sees of features (M, B, G): z-scores, or one-hot rows as they are."""
        if self.parts.space.one_hot:
            return features
        mean, scale = self._statistics()
        return (features - mean) / scale

    def _raw(self, features: Tensor) -> Tensor:
        if self.parts.space.one_hot:
            return features
        mean, scale = self._statistics()
        return features * scale + mean

    def _statistics(self) -> tuple[Tensor, Tensor]:
        statistics, space = self.parts.statistics, self.parts.space
        return space.reached(statistics.mean), space.reached(statistics.scale)


def skewed_weights(log_density: Tensor, alpha: float) -> Tensor:
    """w = p^α of a batch of log densities (M, B), scaled to mean 1 over the batch.

    The exact tool is :func:`smile_bench.exploration.skew_fit.weights`.
    """
    return torch.softmax(alpha * log_density, -1) * log_density.shape[-1]


def make_trainings(
    name: str,
    configs: Sequence[ProposedGoalsConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
) -> GoalTrainings:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together.
    """
    ranges = {COUNT: ("propose_every", "vae.hidden", "vae.latent", "vae.batch", "vae.samples")}
    for config, access in zip(configs, accesses, strict=False):
        require_fitting(name, config, access, ranges)
        if not -1.0 <= config.alpha <= 0.0:
            raise InputError(
                f"alpha is {config.alpha}; give a number in [-1, 0], where weighting with p^alpha "
                "does not lower the entropy of the goals."
            )
    return GoalTrainings(name, configs, accesses, Proposals, compute)
