"""Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905): networks and update rules.

The caller chooses features, batches and reward: the experts' training feeds task rewards, SMILe
the reward of its discriminator.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.errors import DivergedError
from smile_bench.learning.checkpoint import load_optimizer
from smile_bench.learning.devices import CPU
from smile_bench.learning.networks import SquashedGaussianPolicy, TwinCritic
from smile_bench.learning.optimizers import AdamConfig, VectorAdam, as_vector

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


class Batch(NamedTuple):
    """B transitions, all float32."""

    features: Tensor
    """What the policy sees, (B, F)."""
    actions: Tensor
    """(B, A), in [-1, 1]."""
    rewards: Tensor
    """(B,)."""
    next_features: Tensor
    """(B, F)."""
    continues: Tensor
    """Factor (B,) of the discounted value of ``next_features``: 0 where the episode terminated, 1
    elsewhere, also at truncations; γⁿ⁻¹ where ``rewards`` are returns of n steps."""


class Imitation(NamedTuple):
    """Behavioural cloning as an auxiliary loss: what an expert did in b states."""

    features: Tensor
    """(b, F)."""
    actions: Tensor
    """(b, A), in [-1, 1]."""
    weight: float
    """Of the squared distance of the policy's squashed mean from the actions."""


class SAC:
    """Policy, twin critics, entropy weight and their updates.

    Args:
        features: F, length of the policy's input.
        actions: A, length of an action.
        config: settings.
        generator: source of initial weights and of sampled actions; the caller saves its state.
        device: of all networks; batches must lie there, too.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        config: SACConfig,
        generator: torch.Generator,
        device: torch.device = CPU,
    ) -> None:
        self.config = config
        self.generator = generator
        policy = SquashedGaussianPolicy(features, actions, config.hidden, generator)
        critic = TwinCritic(features + actions, config.hidden, config.layer_norm, generator)
        self.policy, self.critic = policy.to(device), critic.to(device)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        log_alpha = math.log(config.entropy_weight)
        self.log_alpha = torch.full((), log_alpha, device=device, requires_grad=True)
        adam = AdamConfig(learning_rate=config.learning_rate)
        self._policy_adam = VectorAdam([self.policy], adam)
        self._critic_adam = VectorAdam([self.critic], adam)
        self._alpha_adam = torch.optim.Adam([self.log_alpha], config.learning_rate, fused=True)
        self._target = as_vector([self.target])
        self.updates = 0
        """Critic updates so far."""

    def scale_learning_rate(self, factor: float) -> None:
        """Set every learning rate to a multiple of the configured one."""
        self._policy_adam.scale_learning_rate(factor)
        self._critic_adam.scale_learning_rate(factor)
        for group in self._alpha_adam.param_groups:
            group["lr"] = self.config.learning_rate * factor

    def update(self, batch: Batch) -> dict[str, float]:
        """One critic update and, at every k-th, one of policy and entropy weight.

        Returns:
            What to log.

        Raises:
            DivergedError: a loss is not finite; no parameter has been changed by it.
        """
        log = self.update_critic(batch)
        if self.updates % self.config.policy_every == 0:
            log |= self.update_policy(batch.features)
        return log

    def update_critic(self, batch: Batch) -> dict[str, float]:
        """One step on the soft Bellman residual (eq. 5–6), then the target networks follow."""
        with torch.no_grad():
            actions, log_density = self.policy.sample(batch.next_features, self.generator)
            next_values = self.target(batch.next_features, actions).amin(0)
            soft_values = next_values - self.log_alpha.exp() * log_density
            targets = batch.rewards + self.config.discount * batch.continues * soft_values
        values = self.critic(batch.features, batch.actions)
        loss = functional.mse_loss(values, targets.expand_as(values)) * len(values)
        loss_value = self._require_finite("critic", loss, batch)
        self._critic_adam.step(loss)
        self._target.lerp_(self._critic_adam.vector, self.config.polyak)
        self.updates += 1
        return {"losses/critic": loss_value, "losses/value": float(targets.mean())}

    def update_policy(
        self, features: Tensor, imitation: Imitation | None = None
    ) -> dict[str, float]:
        """One step on the policy (eq. 7–9) and on the entropy weight (eq. 17).

        Args:
            features: states (B, F) to improve the policy in.
            imitation: demonstrated actions to clone besides.
        """
        actions, log_density = self.policy.sample(features, self.generator)
        alpha = self.log_alpha.detach().exp()
        loss = (alpha * log_density - self.critic(features, actions).amin(0)).mean()
        if imitation is not None:
            mean, _ = self.policy(imitation.features)
            likeness = functional.mse_loss(torch.tanh(mean), imitation.actions)
            loss = loss + imitation.weight * likeness
        loss_value = self._require_finite("policy", loss, features)
        self._policy_adam.step(loss)
        entropy = -float(log_density.detach().mean())
        if self.config.target_entropy is not None:
            # d/d log α of eq. 17, with log α in place of α, as the authors' code has it.
            excess = entropy - self.config.target_entropy
            self.log_alpha.grad = torch.full_like(self.log_alpha, excess)
            self._alpha_adam.step()
        return {
            "losses/policy": loss_value,
            "charts/entropy": entropy,
            "charts/entropy_weight": float(alpha),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything learnt, the optimizers' state, and the number of updates."""
        return {
            "policy": self.policy.state_dict(),
            "critic": self.critic.state_dict(),
            "target": self.target.state_dict(),
            "log_alpha": self.log_alpha.detach(),
            "policy_adam": self._policy_adam.state_dict(),
            "critic_adam": self._critic_adam.state_dict(),
            "alpha_adam": self._alpha_adam.state_dict(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.policy.load_state_dict(state["policy"])
        self.critic.load_state_dict(state["critic"])
        self.target.load_state_dict(state["target"])
        with torch.no_grad():
            self.log_alpha.copy_(state["log_alpha"])
        self._policy_adam.load_state_dict(state["policy_adam"])
        self._critic_adam.load_state_dict(state["critic_adam"])
        load_optimizer(self._alpha_adam, state["alpha_adam"])
        self.updates = state["updates"]

    def _require_finite(self, name: str, loss: Tensor, batch: Any) -> float:
        value = float(loss.detach())
        if math.isfinite(value):
            return value
        given = batch._asdict() if isinstance(batch, Batch) else {"features": batch}
        bad = [field for field, tensor in given.items() if not tensor.isfinite().all()]
        cause = f"the batch's {', '.join(bad)} held such numbers" if bad else "the batch was finite"
        raise DivergedError(
            f"the {name} loss became {value} at update {self.updates}; {cause}. "
            "Continue from the last checkpoint, with a lower learning rate if the batch was finite."
        )
