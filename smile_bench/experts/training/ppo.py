"""Proximal policy optimisation (Schulman et al. 2017) of experts that see the task.

Many episodes in lockstep, an update phase after every few control steps. What is practised, and
for which reward, the configuration names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.curricula import Curriculum
from smile_bench.experts.training.trainer import ExpertTrainer
from smile_bench.learning.checkpoint import (
    load_checkpoint,
    pack_generator,
    pack_module,
    pack_optimizer,
    save_checkpoint,
    unpack_generator,
    unpack_module,
    unpack_optimizer,
)
from smile_bench.learning.networks import orthogonal_mlp

__all__ = ["PPO", "PPOConfig"]

FEATURE_CLIP = 10.0


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Settings of a training."""

    family: str
    curriculum: str
    """Which tasks and rewards, a name of ``CURRICULA``."""
    seed: int = 0
    iterations: int = 160
    """Each has one draw of tasks."""
    rollouts: int = 1
    """Rollouts per iteration, an update phase after each; episodes go on across them."""
    episode: int | None = None
    """Control steps after which, at the next rollout, an episode is truncated; episodes then go on
    across iterations, each at another point of its course. None begins all anew with each."""
    envs: int = 128
    """Episodes in lockstep."""
    horizon: int = 100
    """Control steps per rollout."""
    hidden: int = 128
    """Width of the two hidden layers of policy and value."""
    learning_rate: float = 3e-4
    """Initial; the KL rule scales it."""
    epochs: int = 5
    minibatches: int = 8
    discount: float = 0.99
    gae: float = 0.95
    """λ of generalised advantage estimation."""
    clip: float = 0.2
    """Trust region of the probability ratio."""
    kl_high: float = 0.02
    """Above this mean KL of an iteration the learning rate is halved."""
    kl_low: float = 0.005
    """Below this it grows by half."""
    reward_scale: float = 0.1
    initial_std: float = 0.6
    minimum_std: float = 0.0
    """The policy's standard deviation does not shrink below this; keeps it exploring."""
    entropy: float = 0.0
    """Weight of the policy's entropy in nats in the objective."""
    task_scale: float | None = None
    """Divides the features of the task, which follow the observation; None z-scores them too.

    Where tasks widen in the course of training, z-scoring would magnify the first ones' small
    differences."""
    threads: int = 1
    """Native threads of the simulator."""


class ActorCritic(nn.Module):
    """Gaussian policy and value function on normalised features.

    Args:
        features: F, how many.
        observed: how many of them, the first ones, are the observation.
        actions: length of an action.
        config: settings.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, features: int, observed: int, actions: int, config: PPOConfig) -> None:
        super().__init__()
        self.policy = orthogonal_mlp(features, config.hidden, actions, 0.01)
        self.value = orthogonal_mlp(features, config.hidden, 1, 1.0)
        self.log_std = nn.Parameter(torch.full((actions,), math.log(config.initial_std)))
        self.register_buffer("mean", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("var", torch.ones(features, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(1e-4, dtype=torch.float64))
        self.task_scale = config.task_scale
        self.task = slice(observed, None)
        self._fix_task_scale()
        if self.task_scale is not None:
            # What has been learnt before the tasks differ is not upset when they begin to.
            for network in (self.policy, self.value):
                nn.init.zeros_(network.get_parameter("0.weight")[:, self.task])

    def absorb(self, features: Tensor) -> None:
        """Merge a batch (n, F) into the running mean and variance."""
        n = float(len(features))
        mean, var = features.mean(0), features.var(0, unbiased=False)
        total = self.count + n
        delta = mean - self.mean
        new_var = (
            self.var * self.count + var * n + delta.square() * self.count * n / total
        ) / total
        self.mean.add_(delta * n / total)
        self.var.copy_(new_var)
        self.count.copy_(total)
        self._fix_task_scale()

    def _fix_task_scale(self) -> None:
        if self.task_scale is not None:
            self.mean[self.task], self.var[self.task] = 0.0, self.task_scale**2

    @property
    def scale(self) -> Tensor:
        """Standard deviations, bounded away from 0."""
        return self.var.sqrt().clamp_min(1e-3)

    def normalise(self, features: Tensor) -> Tensor:
        """Z-scored features, clipped."""
        return ((features - self.mean) / self.scale).clamp(-FEATURE_CLIP, FEATURE_CLIP).float()


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A rollout's data; T steps in N environments."""

    features: Tensor
    """Normalised, (T, N, F)."""
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    returns: Tensor
    metrics: list[float]
    """The family's metric, exploration included, of the episodes that terminated and, as it stands
    at the rollout's end, of those that go on."""
    reward: float
    """Mean reward of a step, unscaled."""
    terminations: int


class PPO(ExpertTrainer[PPOConfig]):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        config: settings.
        curriculum: by default the one that the settings name.
    """

    algorithm, activation, squash = "ppo", "tanh", "clip"

    def __init__(self, config: PPOConfig, curriculum: Curriculum | None = None) -> None:
        super().__init__(config, curriculum)
        self.states: FloatArray | None = None
        """Where the episodes stand between iterations, (N, S), if they go on across them."""
        self.ages = np.zeros(config.envs, np.int64)
        """Control steps since each episode began, (N,)."""
        self.learning_rate = config.learning_rate
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            observed, actions = self.family.observation_size, self.family.body.actions
            self.model = ActorCritic(self.features, observed, actions, config)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=self.learning_rate, eps=1e-5, fused=True
        )

    def step(self) -> dict[str, float]:
        """One iteration.

        Returns:
            What to log: the metric of the rollout, losses, KL, learning rate.
        """
        config, simulator = self.config, self.simulator
        self._begin()
        rollouts = []
        for _ in range(config.rollouts):
            if config.episode is not None:
                self._restart(np.flatnonzero(self.ages >= config.episode))
            rollouts.append(self._rollout())
            log = self._update(rollouts[-1])
        if config.episode is not None:
            self.states = np.hstack((simulator.qpos, simulator.qvel, simulator.episode))
        self.iteration += 1
        steps = self.iteration * config.envs * config.horizon * config.rollouts
        return {
            "charts/metric": float(np.mean(rollouts[-1].metrics)),
            "charts/reward": float(np.mean([rollout.reward for rollout in rollouts])),
            "charts/terminations": float(sum(rollout.terminations for rollout in rollouts)),
            "charts/env_steps": float(steps),
            **log,
        }

    def fit_value(self, rollouts: int) -> None:
        """Train the value function alone on some rollouts, and normalise what both see by them.

        The policy's weights stay; the learning rate, which the KL rule raises where nothing moves,
        is the configured one again afterwards.
        """
        policy = [*self.model.policy.parameters(), self.model.log_std]
        self._begin()
        for parameter in policy:
            parameter.requires_grad_(False)
        for _ in range(rollouts):
            self._update(self._rollout())
        for parameter in policy:
            parameter.requires_grad_(True)
        self.learning_rate = self.config.learning_rate

    def expert(self, recipe: dict[str, Any]) -> Expert:
        """The policy's mean as an expert to store."""
        mean, scale = self.model.mean.numpy(), self.model.scale.numpy()
        return self.pack(self.model.policy, mean, scale, recipe, feature_clip=FEATURE_CLIP)

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = pack_module("model", self.model) | pack_optimizer("optimizer", self.optimizer)
        if self.states is not None:
            tensors["states"] = torch.from_numpy(self.states)
            tensors["ages"] = torch.from_numpy(self.ages)
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "learning_rate": self.learning_rate,
            "rng": pack_generator(self.rng),
        }
        save_checkpoint(path, tensors, state)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, state = load_checkpoint(path)
        unpack_module("model", self.model, tensors)
        unpack_optimizer("optimizer", self.optimizer, tensors)
        if "states" in tensors:
            self.states, self.ages = tensors["states"].numpy(), tensors["ages"].numpy()
        self.iteration, self.learning_rate = state["iteration"], state["learning_rate"]
        unpack_generator(self.rng, state["rng"])

    def _begin(self) -> None:
        """Put the episodes where they stood, under the tasks of this iteration, or begin anew."""
        config = self.config
        progress = self.iteration / config.iterations
        self.simulator.set_tasks(self.curriculum.sample_tasks(self.rng, config.envs, progress))
        if self.states is not None:
            self.simulator.reset(self.states)
            return
        self._restart(np.arange(config.envs))
        if config.episode is not None:
            # Truncations, and with them starts, then come at all times.
            self.ages = self.rng.integers(config.episode, size=config.envs)

    def _restart(self, ids: IntArray) -> None:
        if len(ids):
            self.simulator.reset(self.sample_starts(ids), ids)
            self.ages[ids] = 0

    def _rollout(self) -> Rollout:
        config, simulator, curriculum = self.config, self.simulator, self.curriculum
        parameters = simulator.parameters
        raw, actions, rewards, continues = [], [], [], []
        metrics: list[float] = []
        std = self.model.log_std.detach().exp().numpy()
        with torch.no_grad():
            for _ in range(config.horizon):
                features = self._features()
                mean = self.model.policy(self.model.normalise(features)).numpy()
                noise = self.rng.standard_normal(mean.shape, np.float32)
                action = mean + std * noise
                before = simulator.qpos.copy()
                clipped = np.clip(action, -1.0, 1.0)
                outcome = simulator.step(clipped)
                movement = curriculum.movement(before, simulator.qpos)
                reward = curriculum.reward(movement, clipped, parameters)
                terminated = curriculum.terminated(simulator.observe())
                metric = outcome.info[self.family.metric.name]
                metrics.extend(metric[terminated].tolist())
                self.ages += 1
                self._restart(np.flatnonzero(terminated))
                raw.append(features)
                actions.append(torch.from_numpy(action))
                rewards.append(torch.from_numpy(reward).float())
                continues.append(torch.from_numpy(~terminated).float())
            terminations = len(metrics)
            metrics.extend(metric[~terminated].tolist())
            raw.append(self._features())
            features = self.model.normalise(torch.stack(raw))
            values = self.model.value(features).squeeze(-1)
            acts, earned = torch.stack(actions), torch.stack(rewards)
            log_probs = self._log_prob(self.model.policy(features[:-1]), acts)
            advantages = self._advantages(
                config.reward_scale * earned, values, torch.stack(continues)
            )
            self.model.absorb(torch.cat(raw[:-1]))
        return Rollout(
            features=features[:-1],
            actions=acts,
            log_probs=log_probs,
            advantages=advantages,
            returns=advantages + values[:-1],
            metrics=metrics,
            reward=float(earned.mean()),
            terminations=terminations,
        )

    def _features(self) -> Tensor:
        simulator = self.simulator
        return torch.from_numpy(self.family.privileged(simulator.observe(), simulator.parameters))

    def _log_prob(self, means: Tensor, actions: Tensor) -> Tensor:
        z = (actions - means) * torch.exp(-self.model.log_std)
        return (-0.5 * z.square() - self.model.log_std).sum(-1)

    def _advantages(self, rewards: Tensor, values: Tensor, continues: Tensor) -> Tensor:
        """Generalised advantages (T, N) from rewards (T, N) and values (T + 1, N).

        ``continues`` (T, N) is 0 where an episode terminated. The horizon is a truncation: the
        last value stands for what would follow.
        """
        advantages = torch.zeros_like(rewards)
        running = torch.zeros_like(rewards[0])
        for t in reversed(range(len(rewards))):
            discount = self.config.discount * continues[t]
            delta = rewards[t] + discount * values[t + 1] - values[t]
            running = delta + discount * self.config.gae * running
            advantages[t] = running
        return advantages

    def _update(self, rollout: Rollout) -> dict[str, float]:
        config = self.config
        features, actions = rollout.features.flatten(0, 1), rollout.actions.flatten(0, 1)
        old, returns = rollout.log_probs.flatten(), rollout.returns.flatten()
        advantages = rollout.advantages.flatten()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        kls, value_losses = [], []
        for _ in range(config.epochs):
            order = torch.from_numpy(self.rng.permutation(len(features)))
            for index in order.chunk(config.minibatches):
                x = features[index]
                ratio_log = self._log_prob(self.model.policy(x), actions[index]) - old[index]
                ratio, gain = ratio_log.exp(), advantages[index]
                clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
                policy_loss = -torch.minimum(ratio * gain, clipped * gain).mean()
                value_loss = (self.model.value(x).squeeze(-1) - returns[index]).square().mean()
                entropy = self.model.log_std.sum()  # up to a constant
                self.optimizer.zero_grad()
                (policy_loss + 0.5 * value_loss - config.entropy * entropy).backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                if config.minimum_std > 0.0:
                    with torch.no_grad():
                        self.model.log_std.clamp_(min=math.log(config.minimum_std))
                kls.append(float((ratio.detach() - 1.0 - ratio_log.detach()).mean()))
                value_losses.append(float(value_loss.detach()))
        kl = float(np.mean(kls[-config.minibatches :]))
        if kl > config.kl_high:
            self.learning_rate = max(self.learning_rate / 2.0, 1e-5)
        elif kl < config.kl_low:
            self.learning_rate = min(self.learning_rate * 1.5, 2e-3)
        return {
            "losses/kl": kl,
            "losses/value": float(np.mean(value_losses)),
            "charts/learning_rate": self.learning_rate,
            "charts/std": float(self.model.log_std.detach().exp().mean()),
        }
