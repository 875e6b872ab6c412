"""Replay of M trainings on the learner's device: rings of float32 rows, one a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from smile_bench.learning.devices import CPU
from smile_bench.learning.stacking import in_step
from smile_bench.learning.streams import Streams

__all__ = ["ReplayBuffer", "TaskReplay", "Transitions", "take_rows"]


def take_rows(rows: Tensor, where: Tensor) -> Tensor:
    """Rows (*shape, W) at indices (*shape) of a matrix (n, W): one flat selection."""
    return torch.unflatten(rows.index_select(0, where.flatten()), 0, where.shape)


class ReplayBuffer:
    """A ring of transitions for each of M trainings, filled in step.

    Args:
        trainings: M.
        capacity: transitions kept of each; the oldest are overwritten.
        widths: the fields of a transition and their lengths, in the order of the columns.
        device: where the rings lie.
    """

    def __init__(
        self,
        trainings: int,
        capacity: int,
        widths: Mapping[str, int],
        device: torch.device = CPU,
    ) -> None:
        self._widths = dict(widths)
        self._capacity = capacity
        self._rows = torch.zeros((trainings, capacity, sum(widths.values())), device=device)
        self._filled = torch.zeros((), device=device)
        self._first = capacity * torch.arange(trainings, device=device)[:, None]
        self.added = 0
        """Transitions added to each ring so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, self._capacity)

    def add(self, **fields: Tensor) -> None:
        """Add n transitions to each ring.

        Args:
            **fields: each of the buffer's, (M, n, width).

        Raises:
            ValueError: other fields than the buffer's.
        """
        if fields.keys() != self._widths.keys():
            raise ValueError(
                f"a transition has the fields {list(self._widths)}, got {list(fields)}."
            )
        rows = torch.cat([fields[name].to(self._rows) for name in self._widths], -1)
        where = (self.added + torch.arange(rows.shape[1])) % self._capacity
        self._rows[:, where.to(self._rows.device)] = rows
        self.added += rows.shape[1]
        self._filled.fill_(len(self))

    def sample(self, streams: Streams, number: int) -> dict[str, Tensor]:
        """Sample transitions of each ring uniformly with replacement; each field (M, n, width)."""
        where = self._first + streams.integers(self._filled, number)
        columns = torch.split(
            take_rows(self._rows.flatten(0, 1), where), [*self._widths.values()], -1
        )
        return dict(zip(self._widths, columns, strict=True))

    def state_dict(self, index: int) -> dict[str, Any]:
        """A training's filled rows, and how many were added in all."""
        return {"rows": self._rows[index, : len(self)], "added": self.added}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._rows[index, : len(state["rows"])] = state["rows"].to(self._rows.device)
        self.added = in_step(index, self.added, state["added"])
        self._filled.fill_(len(self))


class Transitions(NamedTuple):
    """B transitions of each training in normalised observations."""

    states: Tensor
    """(M, B, O)."""
    actions: Tensor | None
    """(M, B, A), or None where they are unseen."""
    next_states: Tensor
    """(M, B, O)."""

    def followed_by(self, others: Transitions) -> Transitions:
        """These and then others; without actions if either has none."""
        actions = None
        if self.actions is not None and others.actions is not None:
            actions = torch.cat((self.actions, others.actions), 1)
        return Transitions(
            torch.cat((self.states, others.states), 1),
            actions,
            torch.cat((self.next_states, others.next_states), 1),
        )

    def overwritten(self, where: Tensor, by: Transitions) -> Transitions:
        """The same with those at ``where`` (b,) replaced; without actions if ``by`` has none."""
        columns: list[Tensor | None] = []
        for column, replacement in zip(self, by, strict=True):
            if column is None or replacement is None:
                columns.append(None)
                continue
            columns.append(column.index_copy(1, where, replacement))
        states, actions, next_states = columns
        assert states is not None
        assert next_states is not None
        return Transitions(states, actions, next_states)


class TaskReplay:
    """Rings of normalised transitions, one a task of each of M trainings, filled in step.

    Trainings may share what they sample from: each then samples from the rings of its whole group.

    Args:
        trainings: M.
        tasks: N.
        capacity: transitions kept in a ring; the oldest are overwritten.
        observations: O.
        actions: A.
        shared_by: how many trainings, one after another, are a group.
        device: where the rings lie.
    """

    def __init__(
        self,
        trainings: int,
        tasks: int,
        capacity: int,
        observations: int,
        actions: int,
        *,
        shared_by: int = 1,
        device: torch.device = CPU,
    ) -> None:
        self.tasks, self.capacity, self._shared_by = tasks, capacity, shared_by
        width = 2 * observations + actions
        self._rows = torch.zeros((trainings, tasks, capacity, width), device=device)
        self._split = [observations, actions, observations]
        self._filled = torch.zeros((), device=device)
        group = torch.arange(trainings, device=device) // shared_by * shared_by
        self._first_task = (group * tasks)[:, None]
        self.added = 0
        """Transitions added to each ring so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Add one transition a task: (M, N, O), (M, N, A), (M, N, O)."""
        row = torch.cat((states, actions, next_states), dim=-1)
        self._rows[:, :, self.added % self.capacity] = row
        self.added += 1
        self._filled.fill_(len(self))

    def sample(self, streams: Streams, tasks: Tensor) -> Transitions:
        """Sample a transition of each of the tasks (M, B)."""
        return self.sample_sequences(streams, tasks, 1)

    def sample_sequences(self, streams: Streams, tasks: Tensor, steps: int) -> Transitions:
        """Sample a transition of each of the tasks (M, B), and those that were added next.

        Returns:
            Transitions (M, steps · B, …): the sampled ones, then the next ones, and so on. A
            transition does not follow the one before where another episode began, or the ring
            begins.
        """
        rings = self._first_task + tasks
        if self._shared_by > 1:
            rings = rings + self.tasks * streams.integers(self._shared_by, tasks.shape[1])
        where = streams.integers(self._filled, tasks.shape[1])
        if steps > 1:
            rings = rings.repeat(1, steps)
            later = torch.arange(steps, device=where.device).repeat_interleave(tasks.shape[1])
            where = (where.repeat(1, steps) + later) % self.capacity
        rows = take_rows(self._rows.flatten(0, 2), rings * self.capacity + where)
        return Transitions(*torch.split(rows, self._split, -1))

    def state_dict(self, index: int) -> dict[str, Any]:
        """A training's filled part, and how many transitions were added to each ring."""
        return {"rows": self._rows[index, :, : len(self)], "added": self.added}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._rows[index, :, : state["rows"].shape[1]] = state["rows"].to(self._rows.device)
        self.added = in_step(index, self.added, state["added"])
        self._filled.fill_(len(self))
