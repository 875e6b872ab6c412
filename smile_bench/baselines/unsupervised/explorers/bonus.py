"""Explorers with a policy of their own, which maximises a bonus."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smile_bench.baselines.unsupervised.config import GoalReachingConfig
from smile_bench.baselines.unsupervised.episode_replay import Sampled
from smile_bench.baselines.unsupervised.explorer import Explorer, Parts, make_sac
from smile_bench.baselines.unsupervised.goal_reacher import is_discrete
from smile_bench.learning.sac import Batch, SACConfig

__all__ = ["BonusConfig", "BonusExplorer"]


@dataclass(frozen=True, kw_only=True)
class BonusConfig(GoalReachingConfig):
    """Settings of a training whose explorer has a policy of its own."""

    explore_every: int = 1
    """Critic updates of the goal learner from one update of the explorer's critics to the next."""
    explorer: SACConfig = field(
        default_factory=lambda: SACConfig(
            layer_norm=True, discount=0.95, learning_rate=6e-4, policy_every=1, entropy_weight=0.1
        )
    )
    """Soft actor-critic of the explorer."""


class BonusExplorer(Explorer):
    """Soft actor-critic whose reward is a bonus that is computed when a transition is sampled.

    Args:
        parts: what it shares with the goal learner.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts, self.config = parts, parts.configs[0]
        family = parts.space.family
        self.sac = make_sac(
            is_discrete(family),
            family.observation_size,
            family.action_size,
            [config.explorer for config in parts.configs],
            parts.generators,
            parts.streams,
            parts.compute,
        )

    @abstractmethod
    def bonus(self, drawn: Sampled) -> Tensor:
        """The reward (M, B) of sampled transitions."""

    @torch.no_grad()
    def act(self, states: Tensor) -> Tensor:
        """Actions (M, N, A) of the latest policy in observations (M, N, O)."""
        return self.sac.explore(self.parts.statistics(states))

    def kind(self, number: int) -> tuple[bool, bool]:
        """Whether critics and policy learn at the ``number``-th update."""
        turn, rest = divmod(number, self.config.explore_every)
        return rest == 0, rest == 0 and turn % self.config.explorer.policy_every == 0

    def update(self, number: int) -> dict[str, Tensor]:
        """One update of the explorer's critics, at some updates of the policy, too."""
        learns, improves = self.kind(number)
        if not learns:
            return {}
        statistics = self.parts.statistics
        drawn = self.parts.replay.sample(self.parts.streams, self.config.batch)
        rewards = self.bonus(drawn)
        features = statistics(drawn.states)
        batch = Batch(
            features, drawn.actions, rewards, statistics(drawn.ends), torch.ones_like(rewards)
        )
        log = self.sac.update_critic(batch)
        if improves:
            log |= self.sac.update_policy(features)
        renamed = {
            name.replace("/", "/explorer_"): value
            for name, value in log.items()
            if not name.endswith("entropy_weight")
        }
        return {**renamed, "charts/bonus": rewards.mean(-1)}

    def scale_learning_rate(self, factors: float | Sequence[float]) -> None:
        """Leave the learning rates: what is new changes to the end."""

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        return [[f"the explorer's {name}" for name in names] for names in self.sac.finite.failed()]

    def state_dict(self, index: int) -> dict[str, Any]:
        """The policy and critics of a training."""
        return {"sac": self.sac.state_dict(index)}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.sac.load_state_dict(index, state["sac"])
