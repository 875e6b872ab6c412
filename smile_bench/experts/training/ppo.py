"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) of experts.

Many episodes run in lockstep, and an update phase follows every few control steps. The
configuration names the curriculum: tasks and rewards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.experts.training.actor_critic import ActorCritic, Rollout, generalised_advantages
from smile_bench.experts.training.curricula import Curriculum
from smile_bench.experts.training.episodes import Summary, summarise
from smile_bench.experts.training.ppo_learner import PPOConfig, PPOLearner
from smile_bench.experts.training.running_normaliser import RunningNormaliser
from smile_bench.experts.training.trainer import ExpertTrainings
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.stacking import initial_generators

__all__ = ["FEATURE_CLIP", "PPO", "PPOConfig"]

FEATURE_CLIP = 10.0
"""Normalised features are clipped to plus or minus this."""


class PPO(ExpertTrainings[PPOConfig]):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        configs: settings, one a training; they may differ in the seed.
        curricula: one a training; by default those that the settings name.
        compute: how to compute.
    """

    algorithm, activation, squash = "ppo", "tanh", "clip"

    def __init__(
        self,
        configs: Sequence[PPOConfig],
        curricula: Sequence[Curriculum] | None = None,
        compute: Compute | None = None,
    ) -> None:
        super().__init__(configs, curricula, compute)
        config, device, trainings = self.config, self.compute.device, len(self)
        self.episodes: FloatArray | None = None
        """Snapshot of the simulator between iterations, if episodes continue across them."""
        self.first_ages: IntArray = np.zeros(trainings * config.envs, np.int64)
        """Ages (M · N,) that the episodes began with; see :attr:`ages`."""
        observed, actions = self.family.observation_size, self.family.body.actions
        fixed = config.task_scale is not None
        self.model = ActorCritic(
            self.features,
            actions,
            config.hidden,
            config.initial_std,
            initial_generators([each.seed for each in configs]),
            # So that networks trained before tasks differ do not change when they begin to.
            ignored_from=observed if fixed else None,
        ).to(device)
        self.normaliser = RunningNormaliser(
            trainings,
            self.features,
            1e-3,
            clip=FEATURE_CLIP,
            first_count=1e-4,
            fixed_scale=config.task_scale,
            fixed_from=observed,
        )
        self.learner = PPOLearner(self.model, config, self.streams, self.compute)

    @property
    def ages(self) -> IntArray:
        """Age of each episode in control steps, (M · N,).

        The first episodes begin at random ages, so that truncations spread over time.
        """
        return self.first_ages + self.simulator.steps

    def iterate(self) -> list[dict[str, float]]:
        """One iteration.

        Returns:
            What to log of each training: the metric of the last rollout, losses, KL, learning rate.
        """
        config = self.config
        self._begin()
        summaries = []
        for _ in range(config.rollouts):
            if config.episode is not None:
                self.restart(np.flatnonzero(self.ages >= config.episode))
            rollout, summary = self._rollout()
            logs = self.learner.update(rollout)
            summaries.append(summary)
        if config.episode is not None:
            self.episodes = self.simulator.snapshot()
        steps = (self.iteration + 1) * config.envs * config.horizon * config.rollouts
        return [
            {
                "charts/metric": own[-1].metric,
                "charts/reward": float(np.mean([summary.reward for summary in own])),
                "charts/terminations": float(sum(summary.terminations for summary in own)),
                "charts/env_steps": float(steps),
                **log,
            }
            for own, log in zip(zip(*summaries, strict=True), logs, strict=True)
        ]

    def fit_value(self, rollouts: int) -> None:
        """Train the value functions alone, and the feature statistics with them.

        The policies' weights stay. The KL rule raises the learning rates while the policies do not
        move, so the optimizer begins again afterwards, at the configured one.

        Args:
            rollouts: how many.
        """
        self._begin()
        self.learner.begin(value_only=True)
        for _ in range(rollouts):
            rollout, _ = self._rollout()
            self.learner.update(rollout)
        self.learner.begin()

    def failures(self) -> list[list[str]]:
        """What is not finite of each training."""
        return self.learner.failures()

    def policy_layers(self, index: int) -> Iterable[nn.Module]:
        """A copy of a training's policy."""
        return self.model.member(index).policy

    def learner_state(self, index: int) -> dict[str, Any]:
        """What a training has learnt, and where its episodes are."""
        mine = self._of(index)
        return {
            "learner": self.learner.state_dict(index),
            "episodes": None if self.episodes is None else self.episodes[mine],
            "first_ages": self.first_ages[mine],
        }

    def load_learner_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`learner_state` returned."""
        self.learner.load_state_dict(index, state["learner"])
        self.first_ages[self._of(index)] = state["first_ages"]

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state a training."""
        super().load_state_dict(states)
        episodes = [state["episodes"] for state in states]
        # A training that stopped before its first checkpoint acts in the episodes of another.
        filler = next((each for each in episodes if each is not None), None)
        self.episodes = None
        if filler is not None:
            self.episodes = np.concatenate([filler if each is None else each for each in episodes])

    def restart(self, ids: IntArray) -> None:
        """Begin new episodes, of age 0, in environments ``ids``, which are sorted."""
        super().restart(ids)
        self.first_ages[ids] = 0

    def _begin(self) -> None:
        """Give the episodes this iteration's tasks, and continue them or begin new ones."""
        config = self.config
        self.simulator.set_tasks(self.sample_tasks())
        if self.episodes is not None:
            self.simulator.restore(self.episodes)
            return
        self.restart(np.arange(self.simulator.num_envs))
        if config.episode is not None:
            ages = [rng.integers(config.episode, size=config.envs) for rng in self.rngs]
            self.first_ages = np.concatenate(ages)

    @torch.no_grad()
    def _rollout(self) -> tuple[Rollout, list[Summary]]:
        """Act for the horizon; afterwards the feature statistics include what was seen."""
        config, model, simulator, streams = self.config, self.model, self.simulator, self.streams
        device, size = self.compute.device, (config.envs, self.family.body.actions)
        streams.begin()
        std = model.log_std.exp()
        seen: list[FloatArray] = []
        features: list[Tensor] = []
        sampled: list[Tensor] = []

        def see(observations: FloatArray) -> Tensor:
            seen.append(self.privileged(observations, simulator.parameters))
            features.append(to_device(self.normaliser(seen[-1]), device))
            return features[-1]

        def act(observations: FloatArray) -> NDArray[Any]:
            mean = model.policy(see(observations))
            sampled.append(mean + std * streams.normal(*size))
            applied: NDArray[Any] = sampled[-1].clamp(-1.0, 1.0).flatten(0, 1).cpu().numpy()
            return applied

        steps = list(self.collect(act, config.horizon))
        see(simulator.observe())
        self.normaliser.absorb(np.concatenate(seen[:-1], axis=1))
        values = model.value(torch.stack(features, 1)).squeeze(-1).transpose(0, 1)
        rewards = self._by_step([step.rewards for step in steps])
        terminated = self._by_step([step.terminated for step in steps])
        advantages = generalised_advantages(
            config.reward_scale * rewards,
            values,
            1.0 - terminated,
            discount=config.discount,
            decay=config.gae,
        )
        seen_by_policy, actions = torch.cat(features[:-1], 1), torch.cat(sampled, 1)
        rollout = Rollout(
            seen_by_policy,
            actions,
            model.log_prob(seen_by_policy, actions),
            advantages.transpose(0, 1).flatten(1),
            (advantages + values[:-1]).transpose(0, 1).flatten(1),
        )
        return rollout, summarise(steps, len(self))

    def _by_step(self, rows: Sequence[NDArray[Any]]) -> Tensor:
        """Numbers (M · N,) of T steps on the device, (T, M, N)."""
        table = np.stack(rows).astype(np.float32)
        return to_device(table.reshape(len(rows), len(self), -1), self.compute.device)

    def _of(self, index: int) -> slice:
        """A training's environments."""
        return slice(index * self.config.envs, (index + 1) * self.config.envs)
