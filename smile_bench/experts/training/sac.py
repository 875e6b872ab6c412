"""Soft actor-critic of experts: one policy, which sees the task, for all tasks of a family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.trainer import ExpertTrainer, TrainingStep, summarise
from smile_bench.learning.replay import ReplayBuffer
from smile_bench.learning.running_normaliser import RunningNormaliser
from smile_bench.learning.sac import SAC, Batch, SACConfig

__all__ = ["SACExpert", "SACExpertConfig"]


@dataclass(frozen=True, kw_only=True)
class SACExpertConfig:
    """Settings of a training."""

    family: str
    """Id of the family."""
    curriculum: str
    """Tasks and rewards, a name in ``CURRICULA``."""
    seed: int = 0
    """Of all randomness."""
    iterations: int = 120
    """Each begins with new tasks and new episodes."""
    envs: int = 32
    """Episodes in lockstep."""
    env_steps_per_iteration: int = 250
    """Control steps in every environment; episodes are then truncated, not terminated."""
    updates_per_env_step: int = 6
    """Critic updates per control step of all environments."""
    batch: int = 256
    """Transitions per update."""
    random_iterations: int = 1
    """First iterations, with uniformly random actions and without updates."""
    replay_capacity: int = 1_000_000
    """Transitions in the replay buffer."""
    reward_scale: float = 1.0
    """What rewards are multiplied by."""
    minimum_scale: float = 1e-2
    """Least standard deviation that a feature is divided by, for features that are constant at
    first."""
    lr_decay_start: float = 0.5
    """Share of the training after which the learning rates fall linearly ..."""
    final_lr_fraction: float = 0.02
    """... to this fraction of the configured ones."""
    sac: SACConfig = field(default_factory=SACConfig)
    threads: int = 1
    """Native threads of the simulator."""


class SACExpert(ExpertTrainer[SACExpertConfig]):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Every iteration begins new episodes, so a checkpoint does not hold the simulator's state.
    """

    algorithm, activation, squash = "sac", "relu", "tanh"

    def __init__(self, config: SACExpertConfig) -> None:
        super().__init__(config)
        self.generator = torch.Generator().manual_seed(config.seed)
        observations, actions = self.family.observation_size, self.family.body.actions
        self.tasks: FloatArray = np.empty((0, len(self.family.parameter_names)))
        """Every task so far; the replay buffer refers to its rows."""
        self.replay = ReplayBuffer(
            config.replay_capacity,
            {
                "observation": observations,
                "action": actions,
                "next_observation": observations,
                "movement": self.curriculum.movement_size,
                "continues": 1,
                "task": 1,
            },
        )
        self.normaliser = RunningNormaliser(self.features, config.minimum_scale)
        self.sac = SAC(self.features, actions, config.sac, self.generator)

    def step(self) -> dict[str, float]:
        """One iteration.

        Returns:
            What to log: the means of the family's metric and of the reward, exploration included,
            the number of episodes that terminated, and the last losses.
        """
        config, simulator = self.config, self.simulator
        self.sac.scale_learning_rate(self._learning_rate_factor())
        at_random = self.iteration < config.random_iterations
        progress = self.iteration / config.iterations
        parameters = self.curriculum.sample_tasks(self.rng, config.envs, progress)
        rows = len(self.tasks) + np.arange(config.envs)
        self.tasks = np.concatenate((self.tasks, parameters))
        simulator.set_tasks(parameters)
        self.restart(np.arange(config.envs))
        log: dict[str, float] = {}
        steps: list[TrainingStep] = []
        act = self._act_at_random if at_random else self._explore
        for step in self.collect(act, config.env_steps_per_iteration):
            self.replay.add(
                observation=step.observations,
                action=step.actions,
                next_observation=step.next_observations,
                movement=step.movement,
                continues=~step.terminated,
                task=rows,
            )
            steps.append(step)
            if not at_random:
                for batch in self._batches(config.updates_per_env_step):
                    log |= self.sac.update(batch)
        seen = np.concatenate([*(step.observations for step in steps), simulator.observe()])
        tasks = np.tile(parameters, (len(steps) + 1, 1))
        self.normaliser.absorb(self.family.privileged(seen, tasks))
        self.iteration += 1
        metric, reward, terminations = summarise(steps)
        return {
            "charts/metric": metric,
            "charts/reward": reward,
            "charts/terminations": float(terminations),
            "charts/env_steps": float(self.iteration * config.envs * len(steps)),
            "charts/updates": float(self.sac.updates),
            **log,
        }

    def expert(self, recipe: dict[str, Any]) -> Expert:
        """The policy's mean, squashed by tanh, to store; ``recipe`` joins the settings."""
        mean, scale = self.normaliser.mean, self.normaliser.scale
        return self.make_expert(self.sac.policy.layers, mean, scale, recipe)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly, the replay buffer included."""
        return {
            "iteration": self.iteration,
            "sac": self.sac.state_dict(),
            "normaliser": self.normaliser.state_dict(),
            "replay": self.replay.state_dict(),
            "tasks": self.tasks,
            "generator": self.generator.get_state(),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.iteration = state["iteration"]
        self.sac.load_state_dict(state["sac"])
        self.normaliser.load_state_dict(state["normaliser"])
        self.replay.load_state_dict(state["replay"])
        self.tasks = state["tasks"].copy()
        self.generator.set_state(state["generator"])
        self.rng.bit_generator.state = state["rng"]

    def _learning_rate_factor(self) -> float:
        config = self.config
        progress = self.iteration / config.iterations
        decayed = max(0.0, (progress - config.lr_decay_start) / (1.0 - config.lr_decay_start))
        return 1.0 + (config.final_lr_fraction - 1.0) * decayed

    def _act_at_random(self, observations: FloatArray) -> FloatArray:
        """Uniform actions (N, A) in [-1, 1]."""
        return self.rng.uniform(-1.0, 1.0, (len(observations), self.family.body.actions))

    def _explore(self, observations: FloatArray) -> FloatArray:
        """Actions (N, A) in [-1, 1], sampled by the policy."""
        with torch.no_grad():
            features = self._features(observations, self.simulator.parameters)
            actions, _ = self.sac.policy.sample(features, self.generator)
        return actions.double().numpy()

    def _batches(self, n: int) -> list[Batch]:
        """Sample n batches at once, relabel some transitions, and compute features and rewards."""
        size, curriculum = self.config.batch, self.curriculum
        rows = self.replay.sample(self.rng, n * size)
        parameters = self.tasks[rows["task"][:, 0].astype(np.int64)]
        relabel = self.rng.uniform(size=n * size) < curriculum.relabelled
        if relabel.any():
            parameters[relabel] = curriculum.sample_tasks(
                self.rng, int(relabel.sum()), self.iteration / self.config.iterations
            )
        rewards = curriculum.reward(rows["movement"], rows["action"], parameters)
        columns = (
            self._features(rows["observation"], parameters),
            torch.from_numpy(rows["action"]),
            torch.from_numpy(self.config.reward_scale * rewards).float(),
            self._features(rows["next_observation"], parameters),
            torch.from_numpy(rows["continues"][:, 0]),
        )
        parts = (torch.unflatten(column, 0, (n, size)) for column in columns)
        return [Batch(*batch) for batch in zip(*parts, strict=True)]

    def _features(self, observations: NDArray[Any], parameters: FloatArray) -> torch.Tensor:
        return torch.from_numpy(self.normaliser(self.family.privileged(observations, parameters)))
