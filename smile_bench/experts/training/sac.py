"""Experts trained by soft actor-critic: one privileged policy for all tasks of a family."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.trainer import ExpertTrainer
from smile_bench.learning.checkpoint import (
    load_checkpoint,
    pack_generator,
    save_checkpoint,
    unpack_generator,
)
from smile_bench.learning.replay import ReplayBuffer
from smile_bench.learning.running_normaliser import RunningNormaliser
from smile_bench.learning.sac import SAC, Batch, SACConfig

__all__ = ["SACExpert", "SACExpertConfig"]


@dataclass(frozen=True, kw_only=True)
class SACExpertConfig:
    """Settings of a training."""

    family: str
    curriculum: str
    """Which tasks and rewards, a name of ``CURRICULA``."""
    seed: int = 0
    iterations: int = 120
    """Each is ``steps`` control steps in every environment, from fresh starts."""
    envs: int = 32
    """Episodes in lockstep."""
    steps: int = 250
    """Control steps per iteration; what then still runs is truncated, not terminated."""
    updates: int = 6
    """Critic updates per control step of all environments."""
    batch: int = 256
    random_iterations: int = 1
    """First iterations with uniformly random actions and no update."""
    capacity: int = 1_000_000
    """Transitions in the replay buffer."""
    reward_scale: float = 1.0
    minimum_scale: float = 1e-2
    """Features that vary less are divided by this; for those that are constant at first."""
    decay_from: float = 0.5
    """Share of the training after which the learning rates fall linearly ..."""
    decay_to: float = 0.02
    """... to this share of themselves."""
    sac: SACConfig = field(default_factory=SACConfig)
    threads: int = 1
    """Native threads of the simulator."""


class SACExpert(ExpertTrainer[SACExpertConfig]):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Iterations start from fresh episodes, so the simulator's state is no part of a checkpoint.
    """

    algorithm, activation, squash = "sac", "relu", "tanh"

    def __init__(self, config: SACExpertConfig) -> None:
        super().__init__(config)
        self.generator = torch.Generator().manual_seed(config.seed)
        observations, actions = self.family.observation_size, self.family.body.actions
        self.tasks: FloatArray = np.empty((0, len(self.family.parameter_names)))
        """Every task practised so far; the replay buffer refers to its rows."""
        self.replay = ReplayBuffer(
            config.capacity,
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
            What to log: the mean of the family's metric and of the reward, exploration included,
            how many of the episodes terminated, and the last losses.
        """
        config, simulator = self.config, self.simulator
        self.sac.set_learning_rate(self._learning_rate_factor())
        explore = self.iteration < config.random_iterations
        drawn = self.curriculum.sample_tasks(
            self.rng, config.envs, self.iteration / config.iterations
        )
        task = len(self.tasks) + np.arange(config.envs)
        self.tasks = np.concatenate((self.tasks, drawn))
        simulator.set_tasks(drawn)
        simulator.reset(self.sample_starts(np.arange(config.envs)))
        log: dict[str, float] = {}
        rewards, terminations, metrics = 0.0, 0, []
        observations = simulator.observe()
        seen = [observations]
        for _ in range(config.steps):
            actions = self._explore(observations, drawn, uniform=explore)
            before = simulator.qpos.copy()
            outcome = simulator.step(actions)
            next_observations = simulator.observe()
            movement = self.curriculum.movement(before, simulator.qpos)
            rewards += float(self.curriculum.reward(movement, actions, drawn).mean())
            terminated = self.curriculum.terminated(next_observations)
            self.replay.add(
                observation=observations,
                action=actions,
                next_observation=next_observations,
                movement=movement,
                continues=~terminated,
                task=task,
            )
            metric = outcome.info[self.family.metric.name]
            observations = next_observations
            if terminated.any():
                ended = np.flatnonzero(terminated)
                metrics.extend(metric[ended].tolist())
                terminations += len(ended)
                simulator.reset(self.sample_starts(ended), ended)
                observations = simulator.observe()
            seen.append(observations)
            if not explore:
                for batch in self._batches(config.updates):
                    log |= self.sac.update(batch)
        metrics.extend(metric[~terminated].tolist())
        self.normaliser.absorb(
            self.family.privileged(np.concatenate(seen), np.tile(drawn, (len(seen), 1)))
        )
        self.iteration += 1
        return {
            "charts/metric": float(np.mean(metrics)),
            "charts/reward": rewards / config.steps,
            "charts/terminations": float(terminations),
            "charts/env_steps": float(self.iteration * config.envs * config.steps),
            "charts/updates": float(self.sac.updates),
            **log,
        }

    def expert(self, recipe: dict[str, Any]) -> Expert:
        """The policy's mean, squashed by tanh, as an expert to store."""
        normaliser = self.normaliser
        return self.pack(self.sac.policy.layers, normaliser.mean, normaliser.scale, recipe)

    def save(self, path: Path) -> None:
        """Write a checkpoint, replay buffer included."""
        tensors = {
            **self.sac.tensors(),
            **self.normaliser.tensors(),
            "replay": self.replay.tensor(),
            "tasks": torch.from_numpy(self.tasks),
            "generator": self.generator.get_state(),
        }
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "updates": self.sac.updates,
            "replay_added": self.replay.added,
            "rng": pack_generator(self.rng),
        }
        save_checkpoint(path, tensors, state)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, state = load_checkpoint(path)
        self.sac.restore(tensors, state["updates"])
        self.normaliser.restore(tensors)
        self.replay.restore(tensors["replay"], state["replay_added"])
        self.tasks = tensors["tasks"].numpy().copy()
        self.generator.set_state(tensors["generator"])
        self.iteration = state["iteration"]
        unpack_generator(self.rng, state["rng"])

    def _learning_rate_factor(self) -> float:
        config = self.config
        progress = self.iteration / config.iterations
        decayed = max(0.0, (progress - config.decay_from) / (1.0 - config.decay_from))
        return 1.0 + (config.decay_to - 1.0) * decayed

    def _explore(
        self, observations: FloatArray, parameters: FloatArray, *, uniform: bool
    ) -> FloatArray:
        """Actions (N, A) in [-1, 1]: the stochastic policy's, or uniformly random ones."""
        if uniform:
            return self.rng.uniform(-1.0, 1.0, (len(observations), self.family.body.actions))
        with torch.no_grad():
            features = self._features(observations, parameters)
            actions, _ = self.sac.policy.sample(features, self.generator)
        return actions.double().numpy()

    def _batches(self, n: int) -> list[Batch]:
        """Draw n batches at once and compute their features and rewards."""
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
        return self.normaliser(self.family.privileged(observations, parameters))
