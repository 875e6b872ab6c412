"""What an explorer is, and what it shares with the learner of the goal-conditioned policy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smile_bench.arrays import BoolArray
from smile_bench.baselines.unsupervised.discrete_sac import DiscreteSAC
from smile_bench.baselines.unsupervised.episode_replay import EpisodeReplay
from smile_bench.baselines.unsupervised.goal_reacher import policy_input
from smile_bench.baselines.unsupervised.goal_space import GoalSpace
from smile_bench.baselines.unsupervised.own_statistics import OwnStatistics
from smile_bench.errors import InputError
from smile_bench.learning.compute import Compute
from smile_bench.learning.sac import SAC
from smile_bench.learning.streams import Streams

__all__ = ["Explorer", "Parts", "make_sac"]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What goal learner and explorer share, of M trainings with N environments each."""

    configs: Sequence[Any]
    """Settings, one a training, (M,)."""
    environments: int
    """N."""
    space: GoalSpace
    statistics: OwnStatistics
    """The normaliser."""
    replay: EpisodeReplay
    sac: SAC
    """Of the goal-conditioned policy."""
    streams: Streams
    generators: Sequence[torch.Generator]
    """Sources of initial weights, (M,)."""
    compute: Compute

    def input(self, states: Tensor, goals: Tensor) -> Tensor:
        """What the goal-conditioned policy sees, (M, B, O + G)."""
        statistics, relative = self.statistics, self.configs[0].goal.relative
        return policy_input(states, goals, statistics.mean, statistics.scale, self.space, relative)


class Explorer(ABC):
    """Who acts in the meta-train tasks, and how it learns to."""

    @abstractmethod
    def act(self, states: Tensor) -> Tensor:
        """Actions (M, N, A) in observations (M, N, O)."""

    @abstractmethod
    def update(self, number: int) -> dict[str, Tensor]:
        """What comes with the ``number``-th update of the critics; all on the device.

        Returns:
            What to log, (M,) each.
        """

    @abstractmethod
    def failures(self) -> list[list[str]]:
        """The names of what is not finite of each training."""

    @abstractmethod
    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues the exploration of a training exactly."""

    @abstractmethod
    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""

    def begin(self, over: BoolArray) -> None:  # noqa: B027
        """Note in which environments (M · N,) an episode has just begun."""

    def note(self, next_states: Tensor) -> None:  # noqa: B027
        """Note what a step has led to in each environment, (M, N, O)."""

    def end(self, iteration: int) -> None:  # noqa: B027
        """Note that an iteration, counted from 0, has ended."""

    def kind(self, number: int) -> Hashable:
        """What the operations of the ``number``-th update depend on."""
        return None

    def scale_learning_rate(self, factors: float | Sequence[float]) -> None:  # noqa: B027
        """Set learning rates to multiples of the configured ones, where they fall at all."""

    def propose(self, number: int) -> Tensor:
        """Goals (M, B, G) of the explorer's model.

        Raises:
            InputError: it has none.
        """
        raise InputError(
            f"{type(self).__name__} proposes no goals, and goal.proposed asks for {number} in a "
            "batch; set it to 0."
        )


def make_sac(
    discrete: bool,
    features: int,
    actions: int,
    configs: Sequence[Any],
    generators: Sequence[torch.Generator],
    streams: Streams,
    compute: Compute,
) -> SAC:
    """Soft actor-critic for the family's kind of actions; the arguments are those of ``SAC``."""
    kind = DiscreteSAC if discrete else SAC
    return kind(features, actions, configs, generators, streams, compute)
