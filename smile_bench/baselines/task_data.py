"""What the reference agents train on: demonstrations and visited transitions, by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_bench.baselines.devices import CPU, moved, take
from smile_bench.baselines.encoder import context_features
from smile_bench.baselines.normaliser import Normaliser
from smile_bench.datasets import Context
from smile_bench.errors import InputError

__all__ = ["EpisodeNoise", "TaskDemonstrations", "TaskReplay", "Transitions"]


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

    def overwritten(self, where: NDArray[np.int64], by: Transitions) -> Transitions:
        """The same with those at ``where`` replaced; without actions if ``by`` has none."""
        columns: list[Tensor | None] = []
        for column, replacement in zip(self, by, strict=True):
            if column is None or replacement is None:
                columns.append(None)
                continue
            changed = column.clone()
            changed[moved(where, column.device)] = replacement
            columns.append(changed)
        states, actions, next_states = columns
        assert states is not None
        assert next_states is not None
        return Transitions(states, actions, next_states)


class TaskDemonstrations:
    """The demonstrations of N tasks as tensors, normalised.

    Args:
        demonstrations: D of T transitions a task, arrays (N, D, T, …).
        normaliser: of observations.
        device: where the tensors lie.
    """

    def __init__(
        self, demonstrations: Context, normaliser: Normaliser, device: torch.device = CPU
    ) -> None:
        self.normaliser = normaliser
        self.states = moved(normaliser(demonstrations.observations), device)
        """(N, D, T, O)."""
        self.next_states = moved(normaliser(demonstrations.next_observations), device)
        """(N, D, T, O)."""
        actions = demonstrations.actions
        self.actions = None if actions is None else moved(actions, device)
        """(N, D, T, A), or None state-only."""
        self.features = context_features(self.states, self.actions, self.next_states)
        """What the encoder sees, (N, D, T, F)."""
        unmoved = (self.states - self.states[:, :, :1]).abs().amax((0, 1, 2)) == 0.0
        self.constant = torch.nonzero(unmoved)[:, 0]
        """Which observed coordinates stay constant throughout every demonstration: they describe
        the episode, not the body."""
        self.moving = torch.nonzero(~unmoved)[:, 0]
        """Which do not."""

    @property
    def tasks(self) -> int:
        """N."""
        return len(self.states)

    def constant_columns(self, width: int) -> list[Tensor]:
        """Where the constant coordinates of s and, if there is room for it, s' stand.

        Args:
            width: of transitions that begin with s and, if they are long enough, end with s'.
        """
        observed = self.states.shape[-1]
        starts = (0, width - observed) if width >= 2 * observed else (0,)
        return [start + self.constant for start in starts]

    def require_sizes(self, sizes: Sequence[int], *, beyond: int = 0) -> None:
        """Refuse contexts of more demonstrations than there are.

        Args:
            sizes: how many demonstrations a context may have.
            beyond: how many more of the task have to be left.

        Raises:
            InputError: one of the sizes is not possible.
        """
        most = self.features.shape[1] - beyond
        if wrong := [size for size in sizes if not 1 <= size <= most]:
            raise InputError(
                f"a context of the training can not have {wrong[0]} demonstrations: each task has "
                f"{most + beyond}, of which at least {beyond} must be left. Give 1 to {most}."
            )

    def draw_contexts(
        self, rng: np.random.Generator, tasks: NDArray[np.int64], shots: int, timesteps: int
    ) -> tuple[Tensor, NDArray[np.int64]]:
        """Draw a context for each of B tasks.

        Args:
            rng: source of randomness.
            tasks: (B,).
            shots: K demonstrations each.
            timesteps: how many of the T transitions of each, drawn without replacement.

        Returns:
            Features (B, K, timesteps, F), and the D - K demonstrations that were not drawn.

        Raises:
            InputError: no demonstration asked for, or more than a task has.
        """
        _, each, length, _ = self.features.shape
        self.require_sizes([shots])
        seen = min(timesteps, length)
        order = rng.random((len(tasks), each)).argsort(axis=1)
        chosen = order[:, :shots]
        if seen == length:
            return take(self.features, tasks[:, None], chosen), order[:, shots:]
        times = rng.random((len(tasks), shots, length)).argpartition(seen - 1, axis=2)[..., :seen]
        features = take(self.features, tasks[:, None, None], chosen[..., None], times)
        return features, order[:, shots:]

    def draw(
        self, rng: np.random.Generator, tasks: NDArray[np.int64], first: int = 0
    ) -> Transitions:
        """Draw a transition of each of the tasks (B,).

        Args:
            rng: source of randomness.
            tasks: (B,).
            first: how many of them, the last ones, are the first of their demonstrations.
        """
        _, each, length, _ = self.features.shape
        which = rng.integers(each, size=tasks.shape)
        times = rng.integers(length, size=tasks.shape)
        times[len(tasks) - first :] = 0
        return self._at((tasks, which, times))

    def draw_from(
        self,
        rng: np.random.Generator,
        tasks: NDArray[np.int64],
        demonstrations: NDArray[np.int64],
        number: int,
        *,
        early: int = 0,
        within: int = 1,
    ) -> Transitions:
        """Draw ``number`` transitions of each task (B,), each of one of its demonstrations (B, R).

        Args:
            rng: source of randomness.
            tasks: (B,).
            demonstrations: those of each task to draw from, (B, R).
            number: transitions of each task.
            early: how many of them, the last ones, are early in their demonstrations.
            within: those are among so many first transitions.

        Returns:
            Transitions with the leading axes (B, number).
        """
        size = (len(tasks), number)
        chosen = rng.integers(demonstrations.shape[1], size=size)
        which = np.take_along_axis(demonstrations, chosen, axis=1)
        times = rng.integers(self.states.shape[2], size=size)
        times[:, number - early :] = rng.integers(within, size=(len(tasks), early))
        return self._at((tasks[:, None], which, times))

    def _at(self, where: tuple[NDArray[np.int64], ...]) -> Transitions:
        actions = None if self.actions is None else take(self.actions, *where)
        return Transitions(take(self.states, *where), actions, take(self.next_states, *where))


class EpisodeNoise:
    """Noise on the observed coordinates that stay constant throughout every demonstration.

    There are no more different ones than demonstrations, so a network learns them by heart; noise
    makes it learn the rule. A family without such coordinates is left as it is.

    Args:
        demonstrations: what tells the coordinates.
        scale: standard deviation in normalised units; 0 for none.
    """

    def __init__(self, demonstrations: TaskDemonstrations, scale: float) -> None:
        self.demonstrations = demonstrations
        self.scale = scale

    def __call__(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Transitions (..., T, F) with noise that the T transitions of a demonstration share.

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        number = len(self.demonstrations.constant)
        if self.scale == 0.0 or number == 0:
            return features
        *batch, _, width = features.shape
        noise = self.scale * torch.randn((*batch, 1, number), generator=generator)
        noise = noise.to(features.device)
        noisy = features.clone()
        for columns in self.demonstrations.constant_columns(width):
            noisy[..., columns] += noise
        return noisy


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

    def draw(self, rng: np.random.Generator, tasks: NDArray[np.int64]) -> Transitions:
        """Draw a transition of each of the tasks (B,)."""
        return self.draw_in_order(rng, tasks, 1)

    def draw_in_order(
        self, rng: np.random.Generator, tasks: NDArray[np.int64], steps: int
    ) -> Transitions:
        """Draw a transition of each of the tasks (B,) and those that were added next.

        Returns:
            Transitions (steps · B, …): all that were drawn, then the next ones, and so on. Where
            another episode began, another learner's steps were added, or the ring begins, a
            transition does not follow the one before.
        """
        first = rng.integers(len(self), size=tasks.shape)
        where = (first + np.arange(steps)[:, None]) % self._rows.shape[1]
        rows = take(self._rows, tasks[None], where).flatten(0, 1)
        return Transitions(*torch.split(rows, self._split, dim=-1))

    def tensor(self) -> Tensor:
        """The filled part, to be checkpointed together with ``added``."""
        return self._rows[:, : len(self)]

    def restore(self, rows: Tensor, added: int) -> None:
        """Put back what :meth:`tensor` gave."""
        self._rows[:, : rows.shape[1]] = rows
        self.added = added
