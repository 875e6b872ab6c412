"""Acting by skills, and the replay that knows which skill led to a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.baselines.imitation.collector import Collector
from smile_bench.baselines.unsupervised.diayn.config import DIAYNConfig
from smile_bench.baselines.unsupervised.episode_replay import EpisodeReplay
from smile_bench.baselines.unsupervised.own_statistics import OwnStatistics
from smile_bench.baselines.unsupervised.random_actions import RandomActions
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.streams import Streams

__all__ = ["FollowedSteps", "SkillCollection"]


class FollowedSteps(NamedTuple):
    """B transitions of each training and the n - 1 that follow each of them in its episode."""

    features: Tensor
    """What the policy sees, (M, B, O + K)."""
    actions: Tensor
    """(M, B, A)."""
    reached: Tensor
    """Normalised, the states that the n steps lead to, (M, B, n, O)."""
    linked: Tensor
    """Whether a step is still of the episode, 1.0 or 0.0, (M, B, n)."""
    next_features: Tensor
    """What the policy sees after the last step that is, (M, B, O + K)."""
    skills: Tensor
    """That were followed, (M, B)."""


class SkillCollection:
    """Environments of M trainings, each of which follows one skill for an episode.

    Args:
        config: of the trainings.
        accesses: one a training.
        streams: of the random numbers.
        rngs: M, sample the starts of episodes and their skills.
        compute: how to compute.
    """

    def __init__(
        self,
        config: DIAYNConfig,
        accesses: Sequence[Access],
        streams: Streams,
        rngs: Sequence[np.random.Generator],
        compute: Compute,
    ) -> None:
        self.config, self.streams, self.rngs = config, streams, rngs
        self.device, family, number = compute.device, accesses[0].family, len(accesses)
        tasks = np.tile(np.arange(accesses[0].tasks()), config.collection.copies)
        self.random = RandomActions(family, len(tasks), config.collection.hold, streams)
        self.skills = torch.zeros((number, len(tasks)), dtype=torch.long, device=self.device)
        """The skill that each environment follows, (M, N)."""
        self.statistics = OwnStatistics(number, family.observation_size, self.device)
        # A state is stored with the skill that is followed there.
        self.replay = EpisodeReplay(
            number,
            len(tasks),
            config.collection.episodes,
            family.horizon,
            family.observation_size + 1,
            family.action_size,
            self.device,
        )
        environments = environments_together(accesses, tasks, threads=compute.threads)
        self.collector = Collector(environments, _as_observed, self, self.device)
        self._counts = True
        """Whether the statistics are still of everything that is seen."""

    def collect(self, iteration: int, explore: Callable[[Tensor], Tensor]) -> None:
        """Take the control steps of an iteration, counted from 0, in every environment.

        Args:
            iteration: the first ones act randomly, and the statistics are of the first ones.
            explore: what the policy sees (M, N, O + K) to actions (M, N, A).
        """
        config = self.config.collection

        @torch.no_grad()
        def act(states: Tensor) -> Tensor:
            if iteration < config.random_iterations:
                return self.random.act(self.replay.added % self.replay.horizon)
            return explore(self._seen(self.statistics(states), self.skills))

        self._counts = iteration < config.normaliser_iterations
        self.collector.collect(config.env_steps, act, self.rngs, began=self.begin)
        if self._counts:
            self.statistics.fit()

    def begin(self, over: BoolArray) -> None:
        """Sample a skill for the environments (M · N,) in which an episode has just begun."""
        each = np.split(over, len(self.rngs))
        for own, part, rng in zip(self.skills, each, self.rngs, strict=True):
            if part.any():
                chosen = rng.integers(self.config.skills, size=int(part.sum()))
                own[to_device(np.flatnonzero(part), self.device)] = to_device(chosen, self.device)

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Store one transition of each environment: (M, N, O), (M, N, A), (M, N, O)."""
        skill = self.skills[..., None].to(states)
        before, after = (torch.cat((each, skill), -1) for each in (states, next_states))
        self.replay.add(before, actions, after)
        if self._counts:
            self.statistics.add(next_states)

    def sample(self) -> FollowedSteps:
        """Sample transitions of the replay."""
        found = self.replay.sample(self.streams, self.config.batch, self.config.sac.n_step)
        skills = found.states[..., -1].long()
        states, ends = (self.statistics(part[..., :-1]) for part in (found.states, found.ends))
        reached = self.statistics(found.following[..., :-1].flatten(1, 2))
        return FollowedSteps(
            features=self._seen(states, skills),
            actions=found.actions,
            reached=torch.unflatten(reached, 1, found.linked.shape[1:]),
            linked=found.linked,
            next_features=self._seen(ends, skills),
            skills=skills,
        )

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues the collection of a training exactly."""
        return {
            "statistics": self.statistics.state_dict(index),
            "replay": self.replay.state_dict(index),
            "collector": self.collector.state_dict(index, len(self.rngs)),
            "held": self.random.held[index],
            "skills": self.skills[index],
        }

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state a training."""
        for index, state in enumerate(states):
            self.statistics.load_state_dict(index, state["statistics"])
            self.replay.load_state_dict(index, state["replay"])
            self.random.held[index].copy_(state["held"])
            self.skills[index].copy_(state["skills"])
        self.collector.load_state_dict([state["collector"] for state in states])

    def _seen(self, states: Tensor, skills: Tensor) -> Tensor:
        """What policy and critics see of normalised states (M, B, O) under skills (M, B)."""
        one_hot = states.new_zeros((*skills.shape, self.config.skills))
        return torch.cat((states, one_hot.scatter_(-1, skills[..., None], 1.0)), -1)


def _as_observed(observations: FloatArray) -> Float32Array:
    """Observations as the replay holds them."""
    return np.asarray(observations, np.float32)
