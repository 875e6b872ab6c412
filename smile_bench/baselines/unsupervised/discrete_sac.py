"""Soft actor-critic over a few actions (Christodoulou 2019, arXiv:1910.07207).

Policy and critics give a number for each action, so that expectations over actions are sums.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.networks import Source, StackedLinear, linear
from smile_bench.learning.sac import SAC, Batch

__all__ = ["ActionValues", "CategoricalPolicy", "DiscreteSAC"]


class CategoricalPolicy(nn.Module):
    """Scores of actions, whose softmax is the policy.

    Args:
        features: F, length of the input.
        actions: A, number of actions.
        hidden: widths of the ReLU layers.
        source: of the initial weights; M generators make a stack, whose inputs and outputs have a
            leading axis M.
    """

    def __init__(self, features: int, actions: int, hidden: Sequence[int], source: Source) -> None:
        super().__init__()
        sizes = (features, *hidden, actions)
        self.layers = nn.ModuleList(linear(i, o, source) for i, o in itertools.pairwise(sizes))

    def forward(self, features: Tensor) -> Tensor:
        """log π(a | s), (..., A), of features (..., F)."""
        x = features
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        return functional.log_softmax(self.layers[-1](x), -1)

    @torch.no_grad()
    def act(self, features: Tensor) -> Tensor:
        """π(a | s), (..., A); the most likely action has the largest number."""
        chances: Tensor = self(features).exp()
        return chances


class ActionValues(nn.Module):
    """Stacks of two independent networks that give the value of each action.

    Args:
        features: F, length of the input.
        actions: A, number of actions.
        hidden: widths of the ReLU layers.
        layer_norm: normalise before each ReLU, without learned scales and shifts.
        generators: M, one a pair, source of its initial weights.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        hidden: Sequence[int],
        layer_norm: bool,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.layer_norm = layer_norm
        sizes, twice = (features, *hidden, actions), [g for g in generators for _ in range(2)]
        self.layers = nn.ModuleList(
            StackedLinear(i, o, twice) for i, o in itertools.pairwise(sizes)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Values (M, 2, B, A) of features (M, B, F)."""
        x = features[:, None].expand(-1, 2, -1, -1).flatten(0, 1)
        for layer in self.layers[:-1]:
            x = layer(x)
            if self.layer_norm:
                x = functional.layer_norm(x, x.shape[-1:])
            x = functional.relu(x, inplace=True)
        return torch.unflatten(self.layers[-1](x), 0, (-1, 2))


class DiscreteSAC(SAC):
    """As :class:`smile_bench.learning.sac.SAC`, for one-hot actions."""

    def explore(self, features: Tensor, policy: nn.Module | None = None) -> Tensor:
        """Sample one-hot actions (M, B, A) in states (M, B, F), by a former policy if given."""
        uniform = self.streams.uniform(features.shape[1], self.actions)
        acting: Any = policy or self.policy
        return sampled(acting(features), uniform)

    def _networks(
        self, features: int, hidden: Sequence[int], generators: Sequence[torch.Generator]
    ) -> tuple[Any, Any]:
        return (
            CategoricalPolicy(features, self.actions, hidden, generators),
            ActionValues(features, self.actions, hidden, self.config.layer_norm, generators),
        )

    def _critic_loss(self, batch: Batch, noise: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            log_chances = self.policy(batch.next_features)
            next_values = self.target(batch.next_features).amin(1)
            soft = next_values - self.log_alpha.exp()[..., None] * log_chances
            soft_values = (log_chances.exp() * soft).sum(-1)
            targets = batch.rewards + self._discount * batch.continues * soft_values
        values = (self.critic(batch.features) * batch.actions[:, None]).sum(-1)
        losses = (values - targets[:, None]).square().mean(-1).sum(-1)
        return losses, targets.mean(-1)

    def _policy_loss(self, features: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        log_chances = self.policy(features)
        chances = log_chances.exp()
        alpha = self.log_alpha.detach().exp()[..., None]
        with torch.no_grad():
            values = self.critic(features).amin(1)
        losses = (chances * (alpha * log_chances - values)).sum(-1).mean(-1)
        return losses, -(chances * log_chances).detach().sum(-1).mean(-1)


def sampled(log_chances: Tensor, uniform: Tensor) -> Tensor:
    """One-hot samples (..., A) of log chances (..., A) by the Gumbel trick.

    Args:
        log_chances: of each of A choices.
        uniform: numbers in [0, 1), (..., A).
    """
    tiny = torch.finfo(uniform.dtype).tiny
    gumbel = -(-(uniform.clamp_min(tiny)).log()).clamp_min(tiny).log()
    scores = log_chances + gumbel
    return torch.zeros_like(scores).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)
