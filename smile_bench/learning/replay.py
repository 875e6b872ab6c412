"""Replay buffers: contiguous float32 rows, one a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.arrays import Float32Array, IntArray
from smile_bench.learning.devices import CPU, index, to_device

__all__ = ["ReplayBuffer", "TaskReplay", "Transitions"]


class ReplayBuffer:
    """A ring of transitions; a batch is one fancy index.

    Args:
        capacity: transitions kept; the oldest are overwritten.
        widths: the fields of a transition and their lengths, in the order of the columns.
    """

    def __init__(self, capacity: int, widths: Mapping[str, int]) -> None:
        ends = np.cumsum(list(widths.values())).tolist()
        self._columns = {
            name: slice(end - width, end)
            for (name, width), end in zip(widths.items(), ends, strict=True)
        }
        self._rows: Float32Array = np.zeros((capacity, ends[-1]), np.float32)
        self.added = 0
        """Transitions added so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, len(self._rows))

    def add(self, **fields: NDArray[np.generic]) -> None:
        """Add n transitions.

        Args:
            **fields: each of the buffer's, (n, width) or, of width 1, (n,).

        Raises:
            ValueError: other fields than the buffer's.
        """
        if fields.keys() != self._columns.keys():
            raise ValueError(
                f"a transition has the fields {list(self._columns)}, got {list(fields)}."
            )
        n = len(next(iter(fields.values())))
        where = (self.added + np.arange(n)) % len(self._rows)
        for name, values in fields.items():
            self._rows[where, self._columns[name]] = values.reshape(n, -1)
        self.added += n

    def sample(self, rng: np.random.Generator, n: int) -> dict[str, Float32Array]:
        """Sample n transitions uniformly with replacement; each field (n, width)."""
        rows = self._rows[rng.integers(len(self), size=n)]
        return {name: rows[:, columns] for name, columns in self._columns.items()}

    def state_dict(self) -> dict[str, Any]:
        """The filled rows, and how many were added in all."""
        return {"rows": self._rows[: len(self)], "added": self.added}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._rows[: len(state["rows"])] = state["rows"]
        self.added = state["added"]


class Transitions(NamedTuple):
    """B transitions in normalised observations."""

    states: Tensor
    """(B, O)."""
    actions: Tensor | None
    """(B, A), or None where they are unseen."""
    next_states: Tensor
    """(B, O)."""

    def followed_by(self, others: Transitions) -> Transitions:
        """These and then others; without actions if either has none."""
        actions = None
        if self.actions is not None and others.actions is not None:
            actions = torch.cat((self.actions, others.actions))
        return Transitions(
            torch.cat((self.states, others.states)),
            actions,
            torch.cat((self.next_states, others.next_states)),
        )

    def overwritten(self, where: IntArray, by: Transitions) -> Transitions:
        """The same with those at ``where`` replaced; without actions if ``by`` has none."""
        columns: list[Tensor | None] = []
        for column, replacement in zip(self, by, strict=True):
            if column is None or replacement is None:
                columns.append(None)
                continue
            changed = column.clone()
            changed[to_device(where, column.device)] = replacement
            columns.append(changed)
        states, actions, next_states = columns
        assert states is not None
        assert next_states is not None
        return Transitions(states, actions, next_states)


class TaskReplay:
    """Rings of normalised transitions, one a task, filled in step.

    Args:
        tasks: N.
        capacity: transitions kept of each; the oldest are overwritten.
        observations: O.
        actions: A.
        device: where the rings lie.
    """

    def __init__(
        self,
        tasks: int,
        capacity: int,
        observations: int,
        actions: int,
        device: torch.device = CPU,
    ) -> None:
        self._rows = torch.zeros((tasks, capacity, 2 * observations + actions), device=device)
        self._split = [observations, actions, observations]
        self.added = 0
        """Transitions added to each task's ring so far, the overwritten ones included."""

    def __len__(self) -> int:
        return min(self.added, self._rows.shape[1])

    def add(self, states: Tensor, actions: Tensor, next_states: Tensor) -> None:
        """Add one transition a task: (N, O), (N, A), (N, O)."""
        row = torch.cat((states, actions, next_states), dim=-1)
        self._rows[:, self.added % self._rows.shape[1]] = row
        self.added += 1

    def sample(self, rng: np.random.Generator, tasks: IntArray) -> Transitions:
        """Sample a transition of each of the tasks (B,)."""
        return self.sample_sequences(rng, tasks, 1)

    def sample_sequences(
        self, rng: np.random.Generator, tasks: IntArray, steps: int
    ) -> Transitions:
        """Sample a transition of each of the tasks (B,), and those that were added next.

        Returns:
            Transitions (steps · B, …): the sampled ones, then the next ones, and so on. A
            transition does not follow the one before where another episode began, another
            learner's steps were added, or the ring begins.
        """
        first = rng.integers(len(self), size=tasks.shape)
        where = (first + np.arange(steps)[:, None]) % self._rows.shape[1]
        rows = index(self._rows, tasks[None], where).flatten(0, 1)
        return Transitions(*torch.split(rows, self._split, dim=-1))

    def state_dict(self) -> dict[str, Any]:
        """The filled part, and how many transitions were added to each ring."""
        return {"rows": self._rows[:, : len(self)], "added": self.added}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._rows[:, : state["rows"].shape[1]] = state["rows"]
        self.added = state["added"]
