"""What proximal policy optimisation updates and by what: networks, advantages and losses.

The networks of M trainings are a stack: their tensors begin with the axis M.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from smile_bench.learning.networks import Source, member, orthogonal_mlp
from smile_bench.learning.replay import take_rows

__all__ = ["ActorCritic", "Losses", "Rollout", "clipped_losses", "generalised_advantages"]


class ActorCritic(nn.Module):
    """A Gaussian policy and a value function on normalised features.

    Args:
        features: F, length of the input.
        actions: A, length of an action.
        hidden: width of the two hidden layers of each.
        initial_std: standard deviation of the policy at first.
        source: of the initial weights; M generators make a stack, whose inputs and outputs have a
            leading axis M. None makes a single one without memory, which waits to be loaded.
        ignored_from: index from which on the features have no influence at first; F by default.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        hidden: int,
        initial_std: float,
        source: Source,
        ignored_from: int | None = None,
    ) -> None:
        super().__init__()
        self.features, self._sizes = features, (features, actions, hidden)
        self.policy = orthogonal_mlp(features, hidden, actions, 0.01, source)
        """Features (..., F) to the mean of the policy (..., A)."""
        self.value = orthogonal_mlp(features, hidden, 1, 1.0, source)
        """Features (..., F) to values (..., 1)."""
        shape: tuple[int, ...] = (actions,)
        if not (source is None or isinstance(source, torch.Generator)):
            shape = len(source), 1, actions
        self.log_std = nn.Parameter(torch.full(shape, math.log(initial_std)))
        """(A,), of a stack (M, 1, A)."""
        if ignored_from is not None:
            for network in (self.policy, self.value):
                # Of a single layer (O, I), of a stack (M, I, O).
                network.get_parameter("0.weight").detach()[:, ignored_from:].zero_()

    def log_prob(self, features: Tensor, actions: Tensor) -> Tensor:
        """Log density (M, B) of actions (M, B, A) given features (M, B, F), up to a constant."""
        z = (actions - self.policy(features)) * torch.exp(-self.log_std)
        log_prob: Tensor = (-0.5 * z.square() - self.log_std).sum(-1)
        return log_prob

    def member(self, index: int) -> ActorCritic:
        """A copy of one pair of a stack, on the CPU."""
        plain = self._plain()
        member(self.policy, index, plain.policy)
        member(self.value, index, plain.value)
        plain.log_std = nn.Parameter(self.log_std.detach()[index, 0].clone())
        return plain.cpu()

    @torch.no_grad()
    def load_member(self, index: int, state: dict[str, Tensor]) -> None:
        """Set one pair of a stack to the ``state_dict`` of a single one.

        Raises:
            RuntimeError: the state is of other networks.
        """
        plain = self._plain()
        plain.load_state_dict(state, assign=True)
        for name, tensor in plain.state_dict().items():
            own = self.get_parameter(name)[index]
            own.copy_(tensor.mT if name.endswith("weight") else tensor)

    def _plain(self) -> ActorCritic:
        features, actions, hidden = self._sizes
        return ActorCritic(features, actions, hidden, 1.0, None)


class Rollout(NamedTuple):
    """What an update phase needs of n control steps of each training."""

    features: Tensor
    """Normalised, (M, n, F)."""
    actions: Tensor
    """Sampled by the policy and not clipped, (M, n, A)."""
    log_probs: Tensor
    """Of the actions when they were sampled, (M, n)."""
    advantages: Tensor
    """(M, n)."""
    returns: Tensor
    """Targets of the value function, (M, n)."""

    def normalised(self) -> Rollout:
        """The same with advantages of mean 0 and standard deviation 1 in each training."""
        centred = self.advantages - self.advantages.mean(1, keepdim=True)
        return self._replace(advantages=centred / (centred.std(1, keepdim=True) + 1e-8))

    def rows(self, index: Tensor) -> Rollout:
        """The rows ``index`` (M, B) of every column."""
        trainings, number = self.log_probs.shape
        where = index + number * torch.arange(trainings, device=index.device)[:, None]
        return Rollout(*(take_rows(column.flatten(0, 1), where) for column in self))

    def chunks(self, number: int) -> Iterator[Rollout]:
        """Parts of the rows, one after another."""
        parts = zip(*(column.chunk(number, 1) for column in self), strict=True)
        return (Rollout(*part) for part in parts)


class Losses(NamedTuple):
    """Of a minibatch, (M,) each."""

    policy: Tensor
    value: Tensor
    kl: Tensor
    """Divergence of the policy from the one that acted, without a gradient."""


def clipped_losses(model: ActorCritic, batch: Rollout, clip: float) -> Losses:
    """The clipped surrogate (Schulman et al. 2017, eq. 7), and the squared error of the values.

    Args:
        model: a stack of policies and value functions.
        batch: rows (M, B, …) of a rollout.
        clip: ε, the trust region of the probability ratio.
    """
    ratio_log = model.log_prob(batch.features, batch.actions) - batch.log_probs
    ratio = ratio_log.exp()
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    policy = -torch.minimum(ratio * batch.advantages, clipped * batch.advantages).mean(-1)
    value = (model.value(batch.features).squeeze(-1) - batch.returns).square().mean(-1)
    return Losses(policy, value, kl=(ratio.detach() - 1.0 - ratio_log.detach()).mean(-1))


def generalised_advantages(
    rewards: Tensor, values: Tensor, continues: Tensor, *, discount: float, decay: float
) -> Tensor:
    """Generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438, eq. 16).

    Args:
        rewards: of T control steps, (T, ...).
        values: (T + 1, ...). The last row stands for everything after the rollout, which truncates
            episodes and does not terminate them.
        continues: (T, ...), 0 where an episode terminated and 1 elsewhere.
        discount: γ.
        decay: λ.

    Returns:
        (T, ...).
    """
    factors = discount * continues
    deltas = rewards + factors * values[1:] - values[:-1]
    factors = factors * decay
    advantages = torch.empty_like(rewards)
    running = torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        running = torch.addcmul(deltas[t], factors[t], running, out=advantages[t])
    return advantages
