"""Batches on the learner's device, for M trainings at once: contexts and transitions of tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from smile_bench.datasets import Context
from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU, to_device
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import Transitions, take_rows
from smile_bench.learning.streams import Streams

__all__ = ["TaskDemonstrations", "context_features"]


def context_features(
    observations: Tensor, actions: Tensor | None, next_observations: Tensor
) -> Tensor:
    """What the encoder sees of a transition: (s, a, s'), or (s, s') without actions."""
    middle = [] if actions is None else [actions]
    return torch.cat([observations, *middle, next_observations], dim=-1)


class TaskDemonstrations:
    """The demonstrations of N tasks as normalised tensors, which M trainings share.

    Args:
        demonstrations: D of T transitions a task, arrays (N, D, T, …).
        normaliser: of observations.
        device: where the tensors lie.
    """

    def __init__(
        self, demonstrations: Context, normaliser: Normaliser, device: torch.device = CPU
    ) -> None:
        self.normaliser = normaliser
        actions = demonstrations.actions
        self.features = context_features(
            to_device(normaliser(demonstrations.observations), device),
            None if actions is None else to_device(actions, device),
            to_device(normaliser(demonstrations.next_observations), device),
        )
        """What the encoder sees, (N, D, T, F); the other tensors are views of it."""
        self._rows = self.features.flatten(0, 2)
        observed = demonstrations.observations.shape[-1]
        middle = [] if actions is None else [actions.shape[-1]]
        self._split = [observed, *middle, observed]
        columns = torch.split(self.features, self._split, -1)
        self.states, self.next_states = columns[0], columns[-1]
        """(N, D, T, O) each."""
        self.actions = columns[1] if middle else None
        """(N, D, T, A), or None state-only."""
        unchanged = (self.states == self.states[:, :, :1]).flatten(0, 2).all(0)
        self.constant = torch.nonzero(unchanged)[:, 0]
        """Indices of the observed coordinates that stay constant throughout every demonstration.
        They describe the episode, not the body."""
        self.varying = torch.nonzero(~unchanged)[:, 0]
        """Indices of the other coordinates."""

    @property
    def tasks(self) -> int:
        """N."""
        return len(self.states)

    @property
    def each(self) -> int:
        """D, demonstrations of a task."""
        return self.states.shape[1]

    @property
    def length(self) -> int:
        """T, transitions of a demonstration."""
        return self.states.shape[2]

    def constant_columns(self, width: int) -> list[Tensor]:
        """Columns of the constant coordinates of s and, where a transition holds it, of s'.

        Args:
            width: of transitions that begin with s and, if they are long enough, end with s'.
        """
        observed = self.states.shape[-1]
        starts = (0, width - observed) if width >= 2 * observed else (0,)
        return [start + self.constant for start in starts]

    def require_sizes(self, sizes: Sequence[int], *, beyond: int = 0) -> None:
        """Refuse contexts of more demonstrations than a task has.

        Args:
            sizes: numbers of demonstrations in a context.
            beyond: how many further demonstrations of the task must be left.

        Raises:
            InputError: one of the sizes is not possible.
        """
        most = self.each - beyond
        if wrong := [size for size in sizes if not 1 <= size <= most]:
            raise InputError(
                f"a training context cannot have {wrong[0]} demonstrations: each task has "
                f"{most + beyond}, of which at least {beyond} must be left. Give contexts of 1 to "
                f"{most}, or more demonstrations."
            )

    def sample_contexts(
        self, streams: Streams, tasks: Tensor, shots: int, timesteps: int
    ) -> tuple[Tensor, Tensor]:
        """Sample a context for each of B tasks of each training.

        Args:
            streams: source of randomness.
            tasks: (M, B).
            shots: K demonstrations each.
            timesteps: how many of the T transitions of each, without replacement.

        Returns:
            Features (M, B, K, timesteps, F), and the demonstrations to imitate: those that are not
            in the context, (M, B, D - K), or the only one that a task has, (M, B, 1).

        Raises:
            InputError: no demonstration is asked for, or more than a task has.
        """
        self.require_sizes([shots])
        order = streams.permutations(self.each, tasks.shape[1])
        first = (tasks[..., None] * self.each + order[..., :shots]) * self.length
        where = first[..., None] + self._times(streams, tasks.shape[1], shots, timesteps)
        return take_rows(self._rows, where), order if self.each == 1 else order[..., shots:]

    def sample(self, streams: Streams, tasks: Tensor, first_states: int = 0) -> Transitions:
        """Sample a transition of each of the tasks (M, B).

        Args:
            streams: source of randomness.
            tasks: (M, B).
            first_states: how many of them, the last ones, begin their demonstration.
        """
        number = tasks.shape[1]
        if not first_states:
            each = self.each * self.length
            return self._at(tasks * each + streams.integers(each, number))
        which, times = streams.integers(self.each, number), streams.integers(self.length, number)
        times[:, number - first_states :].zero_()
        return self._at((tasks * self.each + which) * self.length + times)

    def sample_from(
        self,
        streams: Streams,
        tasks: Tensor,
        demonstrations: Tensor,
        number: int,
        *,
        first_states: int = 0,
    ) -> Transitions:
        """Sample transitions of each task (M, B), each from one of its demonstrations (M, B, R).

        Args:
            streams: source of randomness.
            tasks: (M, B).
            demonstrations: those of each task to sample from, (M, B, R).
            number: transitions of each task.
            first_states: how many of them, the last ones, begin their demonstration.

        Returns:
            Transitions with the leading axes (M, B, number).
        """
        size = (tasks.shape[1], number)
        which = demonstrations.gather(2, streams.integers(demonstrations.shape[2], *size))
        times = streams.integers(self.length, *size)
        if first_states:
            times[..., number - first_states :].zero_()
        return self._at((tasks[..., None] * self.each + which) * self.length + times)

    def ends_of(self, tasks: Tensor, demonstrations: Tensor) -> tuple[Tensor, Tensor]:
        """First and last states (M, B, R, O) of demonstrations (M, B, R) of the tasks (M, B)."""
        first = (tasks[..., None] * self.each + demonstrations) * self.length
        last = first + (self.length - 1)
        return self._at(first).states, self._at(last).next_states

    def _times(self, streams: Streams, tasks: int, shots: int, timesteps: int) -> Tensor:
        """Timesteps of each demonstration in a context, (M, tasks, shots, timesteps) or (T,)."""
        device = self.states.device
        if timesteps >= self.length:
            return torch.arange(self.length, device=device)
        uniform = streams.uniform(tasks, shots, self.length)
        return uniform.topk(timesteps, sorted=False).indices

    def _at(self, where: Tensor) -> Transitions:
        columns = torch.split(take_rows(self._rows, where), self._split, -1)
        return Transitions(columns[0], columns[1] if len(columns) == 3 else None, columns[-1])
