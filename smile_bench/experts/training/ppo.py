"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) of experts.

Many episodes run in lockstep, and an update phase follows every few control steps. The
configuration names the curriculum: tasks and rewards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.actor_critic import (
    ActorCritic,
    Rollout,
    clipped_losses,
    generalised_advantages,
)
from smile_bench.experts.training.curricula import Curriculum
from smile_bench.experts.training.trainer import ExpertTrainer, Summary, summarise
from smile_bench.learning.checkpoint import load_optimizer
from smile_bench.learning.running_normaliser import RunningNormaliser

__all__ = ["FEATURE_CLIP", "PPO", "PPOConfig"]

FEATURE_CLIP = 10.0
"""Normalised features are clipped to plus or minus this."""


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


class PPO(ExpertTrainer[PPOConfig]):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        config: settings.
        curriculum: by default the one that the settings name.
    """

    algorithm, activation, squash = "ppo", "tanh", "clip"

    def __init__(self, config: PPOConfig, curriculum: Curriculum | None = None) -> None:
        super().__init__(config, curriculum)
        self.episodes: FloatArray | None = None
        """Snapshot of the simulator between iterations, if episodes continue across them."""
        self.first_ages: IntArray = np.zeros(config.envs, np.int64)
        """Ages (N,) that the episodes began with; see :attr:`ages`."""
        self.learning_rate = config.learning_rate
        observed, fixed = self.family.observation_size, config.task_scale is not None
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = ActorCritic(
                self.features,
                self.family.body.actions,
                config.hidden,
                config.initial_std,
                # So that networks trained before tasks differ do not change when they begin to.
                ignored_from=observed if fixed else None,
            )
        self.normaliser = RunningNormaliser(
            self.features,
            1e-3,
            clip=FEATURE_CLIP,
            first_count=1e-4,
            fixed_scale=config.task_scale,
            fixed_from=observed,
        )
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=self.learning_rate, eps=1e-5, fused=True
        )

    @property
    def ages(self) -> IntArray:
        """Age of each episode in control steps, (N,).

        The first episodes begin at random ages, so that truncations spread over time.
        """
        return self.first_ages + self.simulator.steps

    def step(self) -> dict[str, float]:
        """One iteration.

        Returns:
            What to log: the metric of the last rollout, losses, KL, learning rate.
        """
        config = self.config
        self._begin()
        summaries = []
        for _ in range(config.rollouts):
            if config.episode is not None:
                self.restart(np.flatnonzero(self.ages >= config.episode))
            rollout, summary = self._rollout()
            log = self._update(rollout)
            summaries.append(summary)
        if config.episode is not None:
            self.episodes = self.simulator.snapshot()
        self.iteration += 1
        steps = self.iteration * config.envs * config.horizon * config.rollouts
        return {
            "charts/metric": summaries[-1].metric,
            "charts/reward": float(np.mean([summary.reward for summary in summaries])),
            "charts/terminations": float(sum(summary.terminations for summary in summaries)),
            "charts/env_steps": float(steps),
            **log,
        }

    def fit_value(self, rollouts: int) -> None:
        """Train the value function alone, and the feature statistics with it.

        The policy's weights stay. The KL rule raises the learning rate while the policy does not
        move, so the configured one is set again afterwards.

        Args:
            rollouts: how many.
        """
        policy = [*self.model.policy.parameters(), self.model.log_std]
        self._begin()
        for parameter in policy:
            parameter.requires_grad_(False)
        for _ in range(rollouts):
            rollout, _ = self._rollout()
            self._update(rollout)
        for parameter in policy:
            parameter.requires_grad_(True)
        self.learning_rate = self.config.learning_rate

    def expert(self, recipe: dict[str, Any]) -> Expert:
        """The policy's mean as an expert to store; ``recipe`` joins the settings."""
        mean, scale = self.normaliser.mean, self.normaliser.scale
        return self.make_expert(self.model.policy, mean, scale, recipe, feature_clip=FEATURE_CLIP)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return {
            "iteration": self.iteration,
            "learning_rate": self.learning_rate,
            "model": self.model.state_dict(),
            "normaliser": self.normaliser.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "episodes": self.episodes,
            "first_ages": self.first_ages,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.iteration, self.learning_rate = state["iteration"], state["learning_rate"]
        self.model.load_state_dict(state["model"])
        self.normaliser.load_state_dict(state["normaliser"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.rng.bit_generator.state = state["rng"]
        self.episodes, self.first_ages = state["episodes"], state["first_ages"].copy()

    def restart(self, ids: IntArray) -> None:
        """Begin new episodes, of age 0, in environments ``ids``."""
        super().restart(ids)
        self.first_ages[ids] = 0

    def _begin(self) -> None:
        """Give the episodes this iteration's tasks, and continue them or begin new ones."""
        config = self.config
        progress = self.iteration / config.iterations
        self.simulator.set_tasks(self.curriculum.sample_tasks(self.rng, config.envs, progress))
        if self.episodes is not None:
            self.simulator.restore(self.episodes)
            return
        self.restart(np.arange(config.envs))
        if config.episode is not None:
            self.first_ages = self.rng.integers(config.episode, size=config.envs)

    @torch.no_grad()
    def _rollout(self) -> tuple[Rollout, Summary]:
        """Act for the horizon; afterwards the feature statistics include what was seen."""
        config, model, simulator = self.config, self.model, self.simulator
        std = model.log_std.exp().numpy()
        seen: list[FloatArray] = []
        sampled: list[Float32Array] = []

        def act(observations: FloatArray) -> Float32Array:
            seen.append(self.family.privileged(observations, simulator.parameters))
            mean = model.policy(torch.from_numpy(self.normaliser(seen[-1]))).numpy()
            sampled.append(mean + std * self.rng.standard_normal(mean.shape, np.float32))
            return np.clip(sampled[-1], -1.0, 1.0)

        steps = list(self.collect(act, config.horizon))
        last = self.family.privileged(simulator.observe(), simulator.parameters)
        features = torch.from_numpy(self.normaliser(np.stack([*seen, last])))
        actions = torch.from_numpy(np.stack(sampled))
        rewards = torch.from_numpy(np.stack([step.rewards for step in steps])).float()
        terminated = torch.from_numpy(np.stack([step.terminated for step in steps]))
        values = model.value(features).squeeze(-1)
        advantages = generalised_advantages(
            config.reward_scale * rewards,
            values,
            (~terminated).float(),
            discount=config.discount,
            decay=config.gae,
        )
        self.normaliser.absorb(np.concatenate(seen))
        log_probs = model.log_prob(features[:-1], actions)
        rollout = Rollout(features[:-1], actions, log_probs, advantages, advantages + values[:-1])
        return rollout, summarise(steps)

    def _update(self, rollout: Rollout) -> dict[str, float]:
        """Some epochs on a rollout's minibatches, then the KL rule for the learning rate."""
        config, model = self.config, self.model
        data = rollout.flattened()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        kls, value_losses = [], []
        for _ in range(config.epochs):
            order = torch.from_numpy(self.rng.permutation(len(data.features)))
            for index in order.chunk(config.minibatches):
                losses = clipped_losses(model, data.rows(index), config.clip)
                entropy = model.log_std.sum()  # up to a constant
                self.optimizer.zero_grad()
                loss = losses.policy + 0.5 * losses.value - config.entropy * entropy
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                self.optimizer.step()
                if config.minimum_std > 0.0:
                    with torch.no_grad():
                        model.log_std.clamp_(min=math.log(config.minimum_std))
                kls.append(float(losses.kl))
                value_losses.append(float(losses.value.detach()))
        kl = float(np.mean(kls[-config.minibatches :]))
        if kl > config.kl_high:
            self.learning_rate = max(self.learning_rate / 2.0, 1e-5)
        elif kl < config.kl_low:
            self.learning_rate = min(self.learning_rate * 1.5, 2e-3)
        return {
            "losses/kl": kl,
            "losses/value": float(np.mean(value_losses)),
            "charts/learning_rate": self.learning_rate,
            "charts/std": float(model.log_std.detach().exp().mean()),
        }
