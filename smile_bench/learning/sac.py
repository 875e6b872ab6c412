"""Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905): networks and update rules.

The caller chooses features, batches and reward: the experts' training feeds task rewards, SMILe
the reward of its discriminator. M trainings are learnt at once; every tensor begins with the axis
M.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import SquashedGaussianPolicy, TwinCritic
from smile_bench.learning.optimizers import AdamConfig, StackedAdam, as_rows
from smile_bench.learning.stacking import FiniteLosses, column
from smile_bench.learning.streams import Streams

__all__ = ["SAC", "Batch", "Imitation", "SACConfig"]


@dataclass(frozen=True, kw_only=True)
class SACConfig:
    """Settings of the learner."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of policy and critics."""
    layer_norm: bool = False
    """Layer normalisation in the critics; it stabilises many updates per step."""
    discount: float = 0.99
    """γ, of future rewards."""
    polyak: float = 0.005
    """How far the target networks move towards the critics at each update, τ."""
    learning_rate: float = 3e-4
    """Of policy, critics and entropy weight."""
    policy_every: int = 1
    """The policy and the entropy weight are updated at every k-th critic update."""
    entropy_weight: float = 1.0
    """α; only initial if ``target_entropy`` is given."""
    target_entropy: float | None = None
    """Entropy in nats that α is tuned towards (section 5); None keeps α fixed."""
    n_step: int = 1
    """n, of the n-step returns that the caller's batches hold; see :class:`NStepReturns`."""


SCALARS = ("discount", "polyak", "learning_rate", "entropy_weight")
"""Settings in which trainings of one computation may differ."""


class Batch(NamedTuple):
    """B transitions of each training, all float32."""

    features: Tensor
    """What the policy sees, (M, B, F)."""
    actions: Tensor
    """(M, B, A), in [-1, 1]."""
    rewards: Tensor
    """(M, B)."""
    next_features: Tensor
    """(M, B, F)."""
    continues: Tensor
    """Factor (M, B) of the discounted value of ``next_features``: 0 where the episode terminated, 1
    elsewhere, also at truncations; γⁿ⁻¹ where ``rewards`` are returns of n steps."""


class Imitation(NamedTuple):
    """Behavioural cloning as an auxiliary loss: what an expert did in b states."""

    features: Tensor
    """(M, b, F)."""
    actions: Tensor
    """(M, b, A), in [-1, 1]."""
    weight: Tensor
    """Of the squared distance of the policy's squashed mean from the actions, (M,)."""


class SAC:
    """Policies, twin critics, entropy weights and their updates.

    Args:
        features: F, length of the policy's input.
        actions: A, length of an action.
        configs: settings of M trainings, which may differ in :data:`SCALARS`.
        generators: M, sources of the initial weights.
        streams: of the noise on actions.
        compute: how to compute; batches must lie on its device.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        configs: Sequence[SACConfig],
        generators: Sequence[torch.Generator],
        streams: Streams,
        compute: Compute,
    ) -> None:
        self.config, self.streams, self.actions = configs[0], streams, actions
        hidden, device = self.config.hidden, compute.device
        policy, critic = self._networks(features, hidden, generators)
        self.policy, self.critic = policy.to(device), critic.to(device)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        first = [[math.log(config.entropy_weight)] for config in configs]
        self.log_alpha = nn.Parameter(torch.tensor(first).to(device))
        """(M, 1)."""
        adam = [AdamConfig(learning_rate=config.learning_rate) for config in configs]
        self._policy_adam = StackedAdam([self.policy], adam)
        self._critic_adam = StackedAdam([self.critic], adam)
        self._alpha = nn.ParameterList([self.log_alpha])
        self._alpha_adam = StackedAdam([self._alpha], adam)
        self.log_alpha = self._alpha[0]
        self._target = as_rows([self.target])
        compute.prepare(self.policy, self.critic, self.target)
        self._discount = column([config.discount for config in configs], device)
        polyak = [[config.polyak] for config in configs for _ in range(2)]
        self._polyak = torch.tensor(polyak).to(device)
        self.finite = FiniteLosses(("critic", "policy"), len(configs), device)
        self._critic_loss = compute.compiled(self._critic_loss)  # type: ignore[method-assign]
        self._policy_loss = compute.compiled(self._policy_loss)  # type: ignore[method-assign]
        self._cloning_loss = compute.compiled(self._cloning_loss)  # type: ignore[method-assign]

    def scale_learning_rate(self, factor: float | Sequence[float]) -> None:
        """Set every learning rate to a multiple of the configured one."""
        for adam in (self._policy_adam, self._critic_adam, self._alpha_adam):
            adam.scale_learning_rate(factor)

    def update_critic(self, batch: Batch) -> dict[str, Tensor]:
        """One step on the soft Bellman residual (eq. 5–6), then the target networks follow.

        Returns:
            What to log, (M,) each.
        """
        noise = self.streams.normal(batch.next_features.shape[1], self.actions)
        losses, value = self._critic_loss(batch, noise)
        self.finite.watch("critic", losses)
        self._critic_adam.step(losses.sum())
        with torch.no_grad():
            self._target.lerp_(self._critic_adam.rows, self._polyak)
        return {"losses/critic": losses.detach(), "losses/value": value}

    def update_policy(
        self, features: Tensor, imitation: Imitation | None = None
    ) -> dict[str, Tensor]:
        """One step on the policy (eq. 7–9) and on the entropy weight (eq. 17).

        Args:
            features: states (M, B, F) to improve the policy in.
            imitation: demonstrated actions to clone besides.

        Returns:
            What to log, (M,) each.
        """
        noise = self.streams.normal(features.shape[1], self.actions)
        losses, entropy = self._policy_loss(features, noise)
        if imitation is not None:
            losses = losses + self._cloning_loss(imitation)
        self.finite.watch("policy", losses)
        self._policy_adam.step(losses.sum())
        log = {
            "losses/policy": losses.detach(),
            "charts/entropy": entropy,
            "charts/entropy_weight": self.log_alpha.detach().exp()[:, 0],
        }
        if self.config.target_entropy is not None:
            # d/d log α of eq. 17, with log α in place of α, as the authors' code has it.
            excess = entropy - self.config.target_entropy
            self._alpha_adam.step((self.log_alpha[:, 0] * excess).sum())
        return log

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything learnt by a training, and its optimizers' state."""
        target = self._target[2 * index : 2 * index + 2]
        return {
            "policy": self._policy_adam.state_dict(index),
            "critic": self._critic_adam.state_dict(index),
            "alpha": self._alpha_adam.state_dict(index),
            "target": target,
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._policy_adam.load_state_dict(index, state["policy"])
        self._critic_adam.load_state_dict(index, state["critic"])
        self._alpha_adam.load_state_dict(index, state["alpha"])
        self._target[2 * index : 2 * index + 2] = state["target"].to(self._target.device)

    def _networks(
        self, features: int, hidden: Sequence[int], generators: Sequence[torch.Generator]
    ) -> tuple[Any, Any]:
        """Policies and twin critics."""
        inputs = features + self.actions
        return (
            SquashedGaussianPolicy(features, self.actions, hidden, generators),
            TwinCritic(inputs, hidden, self.config.layer_norm, generators),
        )

    def explore(self, features: Tensor, policy: nn.Module | None = None) -> Tensor:
        """Sample actions (M, B, A) in states (M, B, F).

        Args:
            features: of the states.
            policy: copies of the policies, such as former ones; by default the policies as they
                are.
        """
        noise = self.streams.normal(features.shape[1], self.actions)
        acting: Any = policy or self.policy
        sampled: Tensor = acting.sample(features, noise)[0]
        return sampled

    def _critic_loss(self, batch: Batch, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Losses and mean targets, (M,) each."""
        with torch.no_grad():
            actions, log_density = self.policy.sample(batch.next_features, noise)
            next_values = self.target(batch.next_features, actions).amin(1)
            soft_values = next_values - self.log_alpha.exp() * log_density
            targets = batch.rewards + self._discount * batch.continues * soft_values
        values = self.critic(batch.features, batch.actions)
        losses = (values - targets[:, None]).square().mean(-1).sum(-1)
        return losses, targets.mean(-1)

    def _policy_loss(self, features: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Losses and entropies, (M,) each."""
        actions, log_density = self.policy.sample(features, noise)
        alpha = self.log_alpha.detach().exp()
        losses = (alpha * log_density - self.critic(features, actions).amin(1)).mean(-1)
        return losses, -log_density.detach().mean(-1)

    def _cloning_loss(self, imitation: Imitation) -> Tensor:
        """Weighted losses, (M,)."""
        mean, _ = self.policy(imitation.features)
        errors = (torch.tanh(mean) - imitation.actions).square()
        return imitation.weight * errors.mean((-2, -1))
