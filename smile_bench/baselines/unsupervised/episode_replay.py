"""Replay of whole episodes, so that a transition knows what its episode reached later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smile_bench.learning.devices import CPU
from smile_bench.learning.replay import take_rows
from smile_bench.learning.stacking import in_step
from smile_bench.learning.streams import Streams

__all__ = ["EpisodeReplay", "Sampled"]


@dataclass(frozen=True)
class Sampled:
    """B transitions of each training and the n - 1 that follow each of them in its episode."""

    states: Tensor
    """(M, B, O), as observed."""
    actions: Tensor
    """(M, B, A)."""
    following: Tensor
    """The next n states, (M, B, n, O). Past the episode's end the last one is repeated."""
    linked: Tensor
    """Whether a step is still of the episode, 1.0 or 0.0, (M, B, n)."""
    rows: Tensor
    """Where each transition stands in the replay, (M, B)."""
    left: Tensor
    """Steps from each state to the last one of its episode so far, (M, B), 1 or more."""

    @property
    def ends(self) -> Tensor:
        """The state after n steps, or the last one before, (M, B, O)."""
        return self.following[:, :, -1]


class EpisodeReplay:
    """Rings of episodes, one an environment of each of M trainings, filled in step.

    All episodes have the same length, and begin and end together. A row is a state and the action
    taken in it; an episode's last row is its last state.

    Args:
        trainings: M.
        environments: N, of each training.
        episodes: kept in a ring; the oldest are overwritten.
        horizon: T, steps of an episode.
        observations: O.
        actions: A.
        device: where the rings lie.
    """

    def __init__(
        self,
        trainings: int,
        environments: int,
        episodes: int,
        horizon: int,
        observations: int,
        actions: int,
        device: torch.device = CPU,
    ) -> None:
        self.environments, self.horizon = environments, horizon
        self._episodes, self._split = episodes, [observations, actions]
        shape = (trainings, environments, episodes * (horizon + 1), observations + actions)
        self._rows = torch.zeros(shape, device=device)
        self._first = torch.arange(trainings, device=device)[:, None] * (environments * shape[2])
        self._filled = torch.zeros((), device=device)
        """Transitions in a ring."""
        self._head = torch.zeros((), dtype=torch.long, device=device)
        """Where in a ring, counted in transitions, the next one is written."""
        self.added = 0
        """Transitions added to each ring so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    @property
    def capacity(self) -> int:
        """Transitions kept in a ring."""
        return self._episodes * self.horizon

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Add one transition of each environment: (M, N, O), (M, N, A), (M, N, O)."""
        episode, step = divmod(self.added % self.capacity, self.horizon)
        row = episode * (self.horizon + 1) + step
        self._rows[:, :, row] = torch.cat((states, actions), -1)
        self._rows[:, :, row + 1, : self._split[0]] = next_states
        self._count(self.added + 1)

    def sample(self, streams: Streams, number: int, steps: int = 1) -> Sampled:
        """Sample transitions of each training uniformly, and those that follow.

        Args:
            streams: of the random numbers.
            number: B.
            steps: n.
        """
        where = self._sampled(streams, number)
        rings = streams.integers(self.environments, number)
        step = where % self.horizon
        left = self._end(where) - step
        rows = self._row(rings, where)
        states, actions = torch.split(take_rows(self._rows.flatten(0, 2), rows), self._split, -1)
        ahead = torch.arange(1, steps + 1, device=rows.device)
        reached = torch.minimum(ahead, left[..., None])
        return Sampled(
            states,
            actions,
            self._states(rows[..., None] + reached),
            (ahead <= left[..., None]).to(states),
            rows,
            left,
        )

    def later(self, sampled: Sampled, streams: Streams) -> Tensor:
        """A state (M, B, O) that the episode of each transition reached after it, uniformly."""
        ahead = 1 + streams.integers(sampled.left, sampled.left.shape[1])
        return self._states(sampled.rows + ahead)

    def last(self, sampled: Sampled) -> Tensor:
        """The last state (M, B, O) of the episode of each transition, or the last one so far."""
        return self._states(sampled.rows + sampled.left)

    def anywhere(self, streams: Streams, number: int) -> Tensor:
        """States (M, B, O) that any transition led to, uniformly."""
        where = self._sampled(streams, number)
        rings = streams.integers(self.environments, number)
        return self._states(self._row(rings, where) + 1)

    def state_dict(self, index: int) -> dict[str, Any]:
        """A training's filled part, and how many transitions were added to each ring."""
        return {"rows": self._rows[index, :, : self._used], "added": self.added}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        rows = state["rows"].to(self._rows.device)
        self._rows[index, :, : rows.shape[1]] = rows
        self._count(in_step(index, self.added, state["added"]))

    @property
    def _used(self) -> int:
        episodes, steps = divmod(len(self), self.horizon)
        return episodes * (self.horizon + 1) + (steps + 1 if steps else 0)

    def _count(self, added: int) -> None:
        self.added = added
        self._filled.fill_(len(self))
        self._head.fill_(added % self.capacity)

    def _sampled(self, streams: Streams, number: int) -> Tensor:
        """Transitions (M, B) of rings, uniformly.

        Where an episode is being overwritten, the row of the next transition has the new state and
        the old action already; the transition before stands in for it.
        """
        where = streams.integers(self._filled, number)
        half_written = (where == self._head) & (self._head % self.horizon > 0)
        return where - half_written.long()

    def _end(self, where: Tensor) -> Tensor:
        """The step at which the episode of each transition ends, or has come to so far."""
        same = where // self.horizon == self._head // self.horizon
        running = same & (where < self._head)
        return torch.where(running, self._head % self.horizon, self.horizon)

    def _row(self, rings: Tensor, where: Tensor) -> Tensor:
        """Rows of transitions in the flat matrix of all rings."""
        each = self._rows.shape[2]
        return self._first + rings * each + where + where // self.horizon

    def _states(self, rows: Tensor) -> Tensor:
        """States (*shape, O) of rows (*shape)."""
        return take_rows(self._rows.flatten(0, 2), rows)[..., : self._split[0]]
