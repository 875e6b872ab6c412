"""The demonstrations that imitators train on: tensors by task, contexts, and transitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.encoder import context_features
from smile_bench.datasets import Context
from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU, index, to_device
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import Transitions

__all__ = ["TaskDemonstrations"]


class TaskDemonstrations:
    """The demonstrations of N tasks as normalised tensors.

    Args:
        demonstrations: D of T transitions a task, arrays (N, D, T, …).
        normaliser: of observations.
        device: where the tensors lie.
    """

    def __init__(
        self, demonstrations: Context, normaliser: Normaliser, device: torch.device = CPU
    ) -> None:
        self.normaliser = normaliser
        self.states = to_device(normaliser(demonstrations.observations), device)
        """(N, D, T, O)."""
        self.next_states = to_device(normaliser(demonstrations.next_observations), device)
        """(N, D, T, O)."""
        actions = demonstrations.actions
        self.actions = None if actions is None else to_device(actions, device)
        """(N, D, T, A), or None state-only."""
        self.features = context_features(self.states, self.actions, self.next_states)
        """What the encoder sees, (N, D, T, F)."""
        unchanged = (self.states - self.states[:, :, :1]).abs().amax((0, 1, 2)) == 0.0
        self.constant = torch.nonzero(unchanged)[:, 0]
        """Indices of the observed coordinates that stay constant throughout every demonstration.
        They describe the episode, not the body."""
        self.varying = torch.nonzero(~unchanged)[:, 0]
        """Indices of the other coordinates."""

    @property
    def tasks(self) -> int:
        """N."""
        return len(self.states)

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
        most = self.features.shape[1] - beyond
        if wrong := [size for size in sizes if not 1 <= size <= most]:
            raise InputError(
                f"a training context cannot have {wrong[0]} demonstrations: each task has "
                f"{most + beyond}, of which at least {beyond} must be left. Give contexts of 1 to "
                f"{most}, or more demonstrations."
            )

    def sample_contexts(
        self, rng: np.random.Generator, tasks: IntArray, shots: int, timesteps: int
    ) -> tuple[Tensor, IntArray]:
        """Sample a context for each of B tasks.

        Args:
            rng: source of randomness.
            tasks: (B,).
            shots: K demonstrations each.
            timesteps: how many of the T transitions of each, without replacement.

        Returns:
            Features (B, K, timesteps, F), and the D - K demonstrations that are not in the context.

        Raises:
            InputError: no demonstration is asked for, or more than a task has.
        """
        _, each, length, _ = self.features.shape
        self.require_sizes([shots])
        seen = min(timesteps, length)
        order = rng.random((len(tasks), each)).argsort(axis=1)
        chosen = order[:, :shots]
        if seen == length:
            return index(self.features, tasks[:, None], chosen), order[:, shots:]
        times = rng.random((len(tasks), shots, length)).argpartition(seen - 1, axis=2)[..., :seen]
        features = index(self.features, tasks[:, None, None], chosen[..., None], times)
        return features, order[:, shots:]

    def sample(
        self, rng: np.random.Generator, tasks: IntArray, first_states: int = 0
    ) -> Transitions:
        """Sample a transition of each of the tasks (B,).

        Args:
            rng: source of randomness.
            tasks: (B,).
            first_states: how many of them, the last ones, begin their demonstration.
        """
        _, each, length, _ = self.features.shape
        which = rng.integers(each, size=tasks.shape)
        times = rng.integers(length, size=tasks.shape)
        times[len(tasks) - first_states :] = 0
        return self._at((tasks, which, times))

    def sample_from(
        self,
        rng: np.random.Generator,
        tasks: IntArray,
        demonstrations: IntArray,
        number: int,
        *,
        first_states: int = 0,
    ) -> Transitions:
        """Sample transitions of each task (B,), each from one of its demonstrations (B, R).

        Args:
            rng: source of randomness.
            tasks: (B,).
            demonstrations: those of each task to sample from, (B, R).
            number: transitions of each task.
            first_states: how many of them, the last ones, begin their demonstration.

        Returns:
            Transitions with the leading axes (B, number).
        """
        size = (len(tasks), number)
        chosen = rng.integers(demonstrations.shape[1], size=size)
        which = np.take_along_axis(demonstrations, chosen, axis=1)
        times = rng.integers(self.states.shape[2], size=size)
        times[:, number - first_states :] = 0
        return self._at((tasks[:, None], which, times))

    def _at(self, where: tuple[IntArray, ...]) -> Transitions:
        actions = None if self.actions is None else index(self.actions, *where)
        return Transitions(index(self.states, *where), actions, index(self.next_states, *where))
