"""A model of the task's reward, fitted to a learner's own rewarded episodes.

Demonstrations hold no rewards. Where they are to stand in a replay buffer, their rewards are what
this model predicts for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from smile_bench.baselines.fine_tuning.config import RewardModelConfig
from smile_bench.learning.networks import relu_mlp
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.replay import Transitions

__all__ = ["RewardModel"]


class RewardModel:
    """M networks r̂(s, a, s′), each of its slot's reward.

    Args:
        observations: O.
        actions: A.
        config: settings.
        generators: M, sources of the initial weights.
        device: of the networks.
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        config: RewardModelConfig,
        generators: Sequence[torch.Generator],
        device: torch.device,
    ) -> None:
        sizes = (2 * observations + actions, *config.hidden, 1)
        self.network = relu_mlp(sizes, generators).to(device)
        adam = AdamConfig(learning_rate=config.learning_rate)
        self.adam = StackedAdam([self.network], [adam] * len(generators))

    def fit(self, transitions: Transitions, rewards: Tensor) -> Tensor:
        """One step on the squared error; the errors (M,).

        Args:
            transitions: (M, B, ...).
            rewards: (M, B).
        """
        errors = (self._predicted(transitions) - rewards).square().mean(-1)
        self.adam.step(errors.sum())
        return errors.detach()

    @torch.no_grad()
    def __call__(self, transitions: Transitions) -> Tensor:
        """Predicted rewards (M, B) of transitions (M, B, ...)."""
        return self._predicted(transitions)

    def _predicted(self, transitions: Transitions) -> Tensor:
        assert transitions.actions is not None
        seen = torch.cat((transitions.states, transitions.actions, transitions.next_states), -1)
        predicted: Tensor = self.network(seen)[..., 0]
        return predicted
