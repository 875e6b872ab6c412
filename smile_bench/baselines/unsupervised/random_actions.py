"""Uniformly random actions, each kept for some steps: what agents do before they have learnt."""

from __future__ import annotations

import torch
from torch import Tensor

from smile_bench.baselines.unsupervised.discrete_sac import sampled
from smile_bench.baselines.unsupervised.goal_reacher import is_discrete
from smile_bench.envs import Family
from smile_bench.learning.streams import Streams

__all__ = ["RandomActions"]


class RandomActions:
    """Random actions of M trainings in N environments each.

    Args:
        family: whose actions.
        environments: N.
        hold: steps for which an action is kept.
        streams: M, of the random numbers.
    """

    def __init__(self, family: Family, environments: int, hold: int, streams: Streams) -> None:
        self._discrete, self._hold, self._streams = is_discrete(family), hold, streams
        shape = (len(streams), environments, family.action_size)
        self.held = torch.zeros(shape, device=streams.device)
        """The actions that are kept, (M, N, A)."""

    def act(self, step: int) -> Tensor:
        """Actions (M, N, A) in a step of the episodes, counted from 0."""
        uniform = self._streams.uniform(*self.held.shape[1:])
        if step % self._hold == 0:
            even = torch.zeros_like(uniform)
            self.held.copy_(sampled(even, uniform) if self._discrete else 2.0 * uniform - 1.0)
        return self.held.clone()
