"""Soft actor-critic of experts: one policy, which sees the task, for all tasks of a family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.experts.training.episodes import TrainingStep, summarise
from smile_bench.experts.training.running_normaliser import RunningNormaliser
from smile_bench.experts.training.trainer import ExpertTrainings
from smile_bench.learning.compute import Compute
from smile_bench.learning.compute.graphs import Cycles
from smile_bench.learning.devices import to_device
from smile_bench.learning.networks import SquashedGaussianPolicy, member
from smile_bench.learning.replay import ReplayBuffer
from smile_bench.learning.sac import SAC, Batch, SACConfig
from smile_bench.learning.stacking import in_step, initial_generators, to_logs
from smile_bench.learning.streams import Streams

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


class SACExpert(ExpertTrainings[SACExpertConfig]):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Every iteration begins new episodes, so a checkpoint does not hold the simulator's state. The
    replay lies on the host, because tasks, rewards and features are computed there.

    Args:
        configs: settings, one a training; they may differ in the seed.
        compute: how to compute.
    """

    algorithm, activation, squash = "sac", "relu", "tanh"

    def __init__(self, configs: Sequence[SACExpertConfig], compute: Compute | None = None) -> None:
        super().__init__(configs, compute=compute)
        config, trainings, device = self.config, len(self), self.compute.device
        seeds = [each.seed for each in configs]
        self.replay_streams = Streams([_replay_seed(seed) for seed in seeds])
        """Which transitions are replayed, and which of them get another task."""
        observations, self.actions = self.family.observation_size, self.family.body.actions
        rows = config.iterations * config.envs
        self.tasks: FloatArray = np.zeros((trainings, rows, len(self.family.parameter_names)))
        """Every task so far, (M, ..., P); the replay refers to its rows."""
        self.replay = ReplayBuffer(
            trainings,
            min(config.replay_capacity, rows * config.env_steps_per_iteration),
            {
                "observation": observations,
                "action": self.actions,
                "next_observation": observations,
                "movement": self.curricula[0].movement_size,
                "continues": 1,
                "task": 1,
            },
        )
        self.normaliser = RunningNormaliser(trainings, self.features, config.minimum_scale)
        learner = SAC(
            self.features,
            self.actions,
            [each.sac for each in configs],
            initial_generators(seeds),
            self.streams,
            self.compute,
        )
        self.sac = learner
        self.updates = 0
        """Critic updates of each training so far."""
        size = trainings, config.updates_per_env_step, config.batch
        widths = (self.features,), (self.actions,), (), (self.features,), ()
        self._batches = Batch(*(torch.zeros((*size, *width), device=device) for width in widths))
        """The batches of the next updates, (M, n, B, ...)."""
        self._cycles = Cycles(self.streams, self.compute.graph)

    def iterate(self) -> list[dict[str, float]]:
        """One iteration.

        Returns:
            What to log of each training: the means of the family's metric and of the reward,
            exploration included, the number of episodes that terminated, and the last losses.
        """
        config, simulator = self.config, self.simulator
        self.sac.scale_learning_rate(self._learning_rate_factor())
        at_random = self.iteration < config.random_iterations
        parameters = self.sample_tasks()
        rows = self.iteration * config.envs + np.arange(config.envs)
        self.tasks[:, rows] = self.by_training(parameters)
        simulator.set_tasks(parameters)
        self.restart(np.arange(simulator.num_envs))
        log: dict[str, Tensor] = {}
        steps: list[TrainingStep] = []
        act = self._act_at_random if at_random else self._explore
        for step in self.collect(act, config.env_steps_per_iteration):
            self._store(step, rows)
            steps.append(step)
            if not at_random:
                log |= self._update()
        seen = [*(step.observations for step in steps), simulator.observe()]
        features = [self.privileged(observations, parameters) for observations in seen]
        self.normaliser.absorb(np.concatenate(features, axis=1))
        counts = {
            "charts/env_steps": float((self.iteration + 1) * config.envs * len(steps)),
            "charts/updates": float(self.updates),
        }
        return [
            {
                "charts/metric": summary.metric,
                "charts/reward": summary.reward,
                "charts/terminations": float(summary.terminations),
                **counts,
                **own,
            }
            for summary, own in zip(
                summarise(steps, len(self)), to_logs(log) or [{}] * len(self), strict=True
            )
        ]

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        weights = [each.detach().flatten(1) for each in self.sac.policy.parameters()]
        return self.sac.finite.failed(torch.cat(weights, 1))

    def policy_layers(self, index: int) -> Iterable[nn.Module]:
        """A copy of a training's policy."""
        hidden = self.config.sac.hidden
        plain = SquashedGaussianPolicy(self.features, self.actions, hidden, None)
        return member(self.sac.policy, index, plain).cpu().layers

    def learner_state(self, index: int) -> dict[str, Any]:
        """What a training has learnt, the replay included."""
        return {
            "sac": self.sac.state_dict(index),
            "replay": self.replay.state_dict(index),
            "replay_streams": self.replay_streams.state_dict(index),
            "tasks": self.tasks[index, : self.iteration * self.config.envs],
            "updates": self.updates,
        }

    def load_learner_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`learner_state` returned."""
        self.sac.load_state_dict(index, state["sac"])
        self.replay.load_state_dict(index, state["replay"])
        self.replay_streams.load_state_dict(index, state["replay_streams"])
        self.tasks[index, : len(state["tasks"])] = state["tasks"]
        self.updates = int(in_step(index, self.updates, state["updates"]))

    def _learning_rate_factor(self) -> float:
        config = self.config
        progress = self.iteration / config.iterations
        decayed = max(0.0, (progress - config.lr_decay_start) / (1.0 - config.lr_decay_start))
        return 1.0 + (config.final_lr_fraction - 1.0) * decayed

    def _act_at_random(self, observations: FloatArray) -> NDArray[Any]:
        """Uniform actions (M · N, A) in [-1, 1]."""
        size = self.config.envs, self.actions
        return np.concatenate([rng.uniform(-1.0, 1.0, size) for rng in self.rngs])

    @torch.no_grad()
    def _explore(self, observations: FloatArray) -> NDArray[Any]:
        """Actions (M · N, A) in [-1, 1], sampled by the policies."""
        self.streams.begin()
        seen = self.normaliser(self.privileged(observations, self.simulator.parameters))
        noise = self.streams.normal(self.config.envs, self.actions)
        actions, _ = self.sac.policy.sample(to_device(seen, self.compute.device), noise)
        sampled: NDArray[Any] = actions.flatten(0, 1).cpu().numpy()
        return sampled

    def _store(self, step: TrainingStep, rows: IntArray) -> None:
        """Add a control step to the replay, given the rows (N,) of the episodes' tasks."""
        columns = {
            "observation": step.observations,
            "action": step.actions,
            "next_observation": step.next_observations,
            "movement": step.movement,
            "continues": ~step.terminated[:, None],
            "task": np.tile(rows, len(self))[:, None],
        }
        self.replay.add(
            **{name: torch.from_numpy(self.by_training(rows)) for name, rows in columns.items()}
        )

    def _update(self) -> Mapping[str, Tensor]:
        """The updates that follow a control step."""
        config = self.config
        for held, new in zip(self._batches, self._sample_batches(), strict=True):
            held.copy_(new.reshape(held.shape))
        phase = self.updates % config.sac.policy_every
        self.updates += config.updates_per_env_step
        return self._cycles.run(phase, lambda: self._cycle(phase))

    def _cycle(self, phase: int) -> dict[str, Tensor]:
        """Updates on the batches; all on the device, nothing is read.

        Args:
            phase: critic updates since the last update of the policy.
        """
        log: dict[str, Tensor] = {}
        for number in range(self.config.updates_per_env_step):
            batch = Batch(*(column[:, number] for column in self._batches))
            log |= self.sac.update_critic(batch)
            if (phase + number + 1) % self.config.sac.policy_every == 0:
                log |= self.sac.update_policy(batch.features)
        return log

    def _sample_batches(self) -> Batch:
        """Sample all batches at once, relabel some transitions, and compute features and rewards.

        Returns:
            (M, n · B, ...), on the host.
        """
        config, streams = self.config, self.replay_streams
        number = config.updates_per_env_step * config.batch
        streams.begin()
        rows = self.replay.sample(streams, number)
        which = rows["task"][..., 0].long().numpy()
        parameters = np.take_along_axis(self.tasks, which[..., None], axis=1)
        shares = streams.uniform(number).numpy()
        progress = self.iteration / config.iterations
        for index, (curriculum, rng) in enumerate(zip(self.curricula, self.rngs, strict=True)):
            relabel = shares[index] < curriculum.relabelled
            if relabel.any():
                tasks = curriculum.sample_tasks(rng, int(relabel.sum()), progress)
                parameters[index, relabel] = tasks
        flat = {name: column.flatten(0, 1).numpy() for name, column in rows.items()}
        tasks = parameters.reshape(-1, parameters.shape[-1])
        rewards = config.reward_scale * self.rewards(flat["movement"], flat["action"], tasks)
        return Batch(
            self._shown(flat["observation"], tasks),
            rows["action"],
            torch.from_numpy(self.by_training(rewards)),
            self._shown(flat["next_observation"], tasks),
            rows["continues"][..., 0],
        )

    def _shown(self, observations: NDArray[Any], parameters: FloatArray) -> Tensor:
        """Normalised features (M, n, F) of observations (M · n, O) in tasks (M · n, P)."""
        return torch.from_numpy(self.normaliser(self.privileged(observations, parameters)))


def _replay_seed(seed: int) -> int:
    """Another seed, so that the replay's numbers are not those of the noise on actions."""
    return int(np.random.SeedSequence((seed, 1)).generate_state(1, np.uint64)[0])
