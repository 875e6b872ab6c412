"""The update phases of proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

Networks, optimizer and rollouts of M trainings are stacks: their tensors begin with the axis M.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smile_bench.experts.training.actor_critic import ActorCritic, Rollout, clipped_losses
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.optimizers import AdamConfig, StackedAdam
from smile_bench.learning.stacking import FiniteLosses, to_logs
from smile_bench.learning.streams import Streams

__all__ = ["PPOConfig", "PPOLearner"]

LONGEST_GRADIENT = 1.0
"""Norm that a training's gradient is shortened to."""
RATES = (1e-5, 2e-3)
"""Lowest and highest learning rate that the KL rule sets."""


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    curriculum: str
    """Tasks and rewards, a name in ``CURRICULA``."""
    seed: int = 0
    """Of all randomness."""
    iterations: int = 160
    """Tasks are sampled once per iteration."""
    rollouts: int = 1
    """Rollouts per iteration, each followed by an update phase; episodes continue across them."""
    episode: int | None = None
    """Control steps after which the next rollout truncates an episode. Episodes then continue
    across iterations, each at its own age. None begins new episodes with every iteration."""
    envs: int = 128
    """Episodes in lockstep."""
    horizon: int = 100
    """Control steps per rollout."""
    hidden: int = 128
    """Width of the two hidden layers of policy and value."""
    learning_rate: float = 3e-4
    """Initial; the KL rule scales it."""
    epochs: int = 5
    """Passes over a rollout in its update phase."""
    minibatches: int = 8
    """Updates in a pass."""
    discount: float = 0.99
    """γ, of future rewards."""
    gae: float = 0.95
    """λ of generalised advantage estimation."""
    clip: float = 0.2
    """Trust region of the probability ratio."""
    kl_high: float = 0.02
    """Above this mean KL of an update phase the learning rate is halved."""
    kl_low: float = 0.005
    """Below this it grows by half."""
    reward_scale: float = 0.1
    """What rewards are multiplied by."""
    initial_std: float = 0.6
    """The policy's standard deviation at the start."""
    minimum_std: float = 0.0
    """The policy's standard deviation does not shrink below this, so that it keeps exploring."""
    entropy: float = 0.0
    """Weight of the policy's entropy in nats in the objective."""
    task_scale: float | None = None
    """Divides the features of the task, which follow the observation; None z-scores them, too.

    Where a curriculum widens, z-scores would magnify the small differences of the first tasks."""
    threads: int = 1
    """Native threads of the simulator."""


class PPOLearner:
    """Updates the networks of M trainings, each at a learning rate that follows its KL.

    Args:
        model: a stack of policies and value functions on the device.
        config: settings.
        streams: of the order of minibatches.
        compute: how to compute.
    """

    def __init__(
        self, model: ActorCritic, config: PPOConfig, streams: Streams, compute: Compute
    ) -> None:
        self.model, self.config, self.streams, self.compute = model, config, streams, compute
        compute.prepare(model)
        trainings, _, actions = model.log_std.shape
        rows = trainings, config.horizon * config.envs
        widths = (model.features,), (actions,), (), (), ()
        self._data = Rollout(
            *(torch.zeros((*rows, *width), device=compute.device) for width in widths)
        )
        """The rollout that is learnt from."""
        self.finite = FiniteLosses(("policy", "value"), trainings, compute.device)
        self._losses = compute.compiled(clipped_losses)
        self.begin()

    def begin(self, *, value_only: bool = False) -> None:
        """Begin with a new optimizer at the configured learning rate.

        Args:
            value_only: update the value functions alone from now on; the policies stay.
        """
        trainings, rate = len(self.model.log_std), self.config.learning_rate
        self._value_only = value_only
        module = self.model.value if value_only else self.model
        adam = [AdamConfig(learning_rate=rate, epsilon=1e-5)] * trainings
        self._adam = StackedAdam([module], adam)
        self.learning_rates = [rate] * trainings
        # What a graph was captured of are the former optimizer's tensors.
        self._cycles = Cycles(self.streams, self.compute.graph)

    def update(self, rollout: Rollout) -> list[dict[str, float]]:
        """Some epochs on a rollout's minibatches, then the KL rule for the learning rates.

        Returns:
            What to log of each training.
        """
        config = self.config
        for held, new in zip(self._data, rollout.normalised(), strict=True):
            held.copy_(new)
        self._adam.scale_learning_rate(
            [rate / config.learning_rate for rate in self.learning_rates]
        )
        log: dict[str, Tensor] = {}
        value = torch.zeros((), device=self.compute.device)
        for _ in range(config.epochs):
            log |= self._cycles.run("epoch", self._epoch)
            value = value + log["losses/value"]
        log["losses/value"] = value / config.epochs
        log["charts/std"] = self.model.log_std.detach().exp().mean((1, 2))
        logs = to_logs(log)
        for index, own in enumerate(logs):
            self.learning_rates[index] = self._next_rate(self.learning_rates[index], own)
            own["charts/learning_rate"] = self.learning_rates[index]
        return logs

    def failures(self) -> list[list[str]]:
        """The names of what is not finite of each training."""
        return self.finite.failed(self._adam.rows)

    def state_dict(self, index: int) -> dict[str, Any]:
        """What a training has learnt."""
        return {
            "learning_rate": self.learning_rates[index],
            "optimizer": self._adam.state_dict(index),
        }

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.learning_rates[index] = state["learning_rate"]
        self._adam.load_state_dict(index, state["optimizer"])

    def _epoch(self) -> dict[str, Tensor]:
        """A pass over the rollout in a random order; all on the device, nothing is read."""
        config, model = self.config, self.model
        shuffled = self._data.rows(self.streams.permutations(self._data.returns.shape[1]))
        kls, values = [], []
        for batch in shuffled.chunks(config.minibatches):
            losses = self._losses(model, batch, config.clip)
            self.finite.watch("policy", losses.policy)
            self.finite.watch("value", losses.value)
            loss = 0.5 * losses.value
            if not self._value_only:
                entropy = model.log_std.sum((1, 2))  # up to a constant
                loss = losses.policy + loss - config.entropy * entropy
            self._adam.step(loss.sum(), max_norm=LONGEST_GRADIENT)
            if config.minimum_std > 0.0:
                with torch.no_grad():
                    model.log_std.clamp_(min=math.log(config.minimum_std))
            kls.append(losses.kl)
            values.append(losses.value.detach())
        return {
            "losses/kl": torch.stack(kls).mean(0),
            "losses/value": torch.stack(values).mean(0),
        }

    def _next_rate(self, rate: float, log: Mapping[str, float]) -> float:
        """The learning rate after an update phase, by the mean KL of its last pass."""
        if log["losses/kl"] > self.config.kl_high:
            return max(rate / 2.0, RATES[0])
        if log["losses/kl"] < self.config.kl_low:
            return min(rate * 1.5, RATES[1])
        return rate
