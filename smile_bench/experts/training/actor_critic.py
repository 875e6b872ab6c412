"""What proximal policy optimisation updates and by what: network, advantages and losses."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from smile_bench.learning.networks import orthogonal_mlp

__all__ = ["ActorCritic", "Losses", "Rollout", "clipped_losses", "generalised_advantages"]


class ActorCritic(nn.Module):
    """A Gaussian policy and a value function on normalised features.

    Args:
        features: F, length of the input.
        actions: A, length of an action.
        hidden: width of the two hidden layers of each.
        initial_std: standard deviation of the policy at first.
        ignored_from: index from which on the features have no influence at first; F by default.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        hidden: int,
        initial_std: float,
        ignored_from: int | None = None,
    ) -> None:
        super().__init__()
        self.policy = orthogonal_mlp(features, hidden, actions, 0.01)
        """Features (..., F) to the mean of the policy (..., A)."""
        self.value = orthogonal_mlp(features, hidden, 1, 1.0)
        """Features (..., F) to values (..., 1)."""
        self.log_std = nn.Parameter(torch.full((actions,), math.log(initial_std)))
        if ignored_from is not None:
            for network in (self.policy, self.value):
                nn.init.zeros_(network.get_parameter("0.weight")[:, ignored_from:])

    def log_prob(self, features: Tensor, actions: Tensor) -> Tensor:
        """Log density (...,) of actions (..., A) given features (..., F), up to a constant."""
        z = (actions - self.policy(features)) * torch.exp(-self.log_std)
        log_prob: Tensor = (-0.5 * z.square() - self.log_std).sum(-1)
        return log_prob


class Rollout(NamedTuple):
    """What an update phase needs of T control steps in N environments."""

    features: Tensor
    """Normalised, (T, N, F)."""
    actions: Tensor
    """Sampled by the policy and not clipped, (T, N, A)."""
    log_probs: Tensor
    """Of the actions when they were sampled, (T, N)."""
    advantages: Tensor
    """(T, N)."""
    returns: Tensor
    """Targets of the value function, (T, N)."""

    def flattened(self) -> Rollout:
        """The same with leading axes (T · N,) in place of (T, N), and normalised advantages."""
        flat = Rollout(*(column.flatten(0, 1) for column in self))
        advantages = flat.advantages - flat.advantages.mean()
        return flat._replace(advantages=advantages / (flat.advantages.std() + 1e-8))

    def rows(self, index: Tensor) -> Rollout:
        """The rows ``index`` (B,) of every column."""
        return Rollout(*(column[index] for column in self))


class Losses(NamedTuple):
    """Of a minibatch, each a scalar."""

    policy: Tensor
    value: Tensor
    kl: Tensor
    """Divergence of the policy from the one that acted, without a gradient."""


def clipped_losses(model: ActorCritic, batch: Rollout, clip: float) -> Losses:
    """The clipped surrogate (Schulman et al. 2017, eq. 7), and the squared error of the values.

    Args:
        model: policy and value function.
        batch: rows (B, …) of a rollout.
        clip: ε, the trust region of the probability ratio.
    """
    ratio_log = model.log_prob(batch.features, batch.actions) - batch.log_probs
    ratio = ratio_log.exp()
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    policy = -torch.minimum(ratio * batch.advantages, clipped * batch.advantages).mean()
    value = (model.value(batch.features).squeeze(-1) - batch.returns).square().mean()
    return Losses(policy, value, kl=(ratio.detach() - 1.0 - ratio_log.detach()).mean())


def generalised_advantages(
    rewards: Tensor, values: Tensor, continues: Tensor, *, discount: float, decay: float
) -> Tensor:
    """Generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438, eq. 16).

    Args:
        rewards: (T, N).
        values: (T + 1, N). The last row stands for everything after the rollout, which truncates
            episodes and does not terminate them.
        continues: (T, N), 0 where an episode terminated and 1 elsewhere.
        discount: γ.
        decay: λ.

    Returns:
        (T, N).
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        factor = discount * continues[t]
        delta = rewards[t] + factor * values[t + 1] - values[t]
        running = delta + factor * decay * running
        advantages[t] = running
    return advantages
