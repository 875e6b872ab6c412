"""Symmetries of families: more tasks than one from the demonstrations of one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from smile_bench.baselines.devices import moved
from smile_bench.baselines.task_data import TaskDemonstrations, Transitions
from smile_bench.envs.mirror import Mirror
from smile_bench.errors import InputError

__all__ = ["EpisodeSymmetry", "MirrorSymmetry", "Symmetry", "make_symmetry"]


class Symmetry(Protocol):
    """Views under which a task is another one that could as well have been drawn."""

    demonstrations: TaskDemonstrations
    view: tuple[int, ...]
    """Shape of a view."""

    def draw(self, rng: np.random.Generator, number: int) -> Tensor:
        """Draw views (number, *view)."""
        ...

    def __call__(self, features: Tensor, views: Tensor) -> Tensor:
        """Transitions (B, …, F) of B tasks under the tasks' views (B, *view).

        Each is (s, …), (s, …, s') or (s, …, a, s'): it begins with s and, if it is long enough,
        ends with s'; a of the right length in between is an action.
        """
        ...

    def actions(self, actions: Tensor, views: Tensor) -> Tensor:
        """Actions (B, …, A) under the views, which are their own inverses for actions."""
        ...

    def transitions(self, drawn: Transitions, views: Tensor) -> Transitions:
        """B transitions under a view each."""
        ...


def make_symmetry(
    demonstrations: TaskDemonstrations, *, vectors: int, mirror: Mirror | None
) -> Symmetry:
    """The symmetry that settings ask for.

    Args:
        demonstrations: what it is a symmetry of.
        vectors: length of the vectors that an episode shows, 0 for none.
        mirror: sides that change places, None for none.

    Raises:
        InputError: both are asked for, or the vectors are none.
    """
    if mirror is None:
        return EpisodeSymmetry(demonstrations, vectors)
    if vectors:
        raise InputError("tasks are seen under episode_vectors or mirrored, not both at once.")
    return MirrorSymmetry(demonstrations, mirror)


class EpisodeSymmetry:
    """Signed permutations of the vectors that an episode shows throughout.

    Where a family's episodes show vectors no coordinate and no sign of which is special, a task
    whose vectors are all permuted and flipped alike is another task that could as well have been
    drawn. Demonstrations, contexts and what the policy does there follow: 4 coordinates make 384
    tasks of one, too many to be learnt by heart.

    The matrices act on what was observed: normalised coordinates, whose means and scales differ a
    little, are put back for that and normalised again.

    Args:
        demonstrations: what tells the coordinates that stay constant in an episode.
        length: of each vector; these coordinates, in order, are some vectors. 0 for no symmetry.

    Raises:
        InputError: the coordinates do not make vectors of this length.
    """

    def __init__(self, demonstrations: TaskDemonstrations, length: int) -> None:
        self.length = length
        self.view = (length, length)
        self.demonstrations = demonstrations
        number = len(demonstrations.constant)
        if length < 0 or (length > 0 and (not number or number % length)):
            raise InputError(
                f"{number} observed coordinates stay constant in an episode; they make "
                f"no vectors of length {length}. Give 0 for no symmetry."
            )
        self._device = demonstrations.states.device
        normaliser, shown = demonstrations.normaliser, demonstrations.constant.cpu().numpy()
        self._mean = moved(normaliser.mean[shown], self._device)
        self._scale = moved(normaliser.scale[shown], self._device)

    def draw(self, rng: np.random.Generator, number: int) -> Tensor:
        """Draw signed permutation matrices (number, length, length)."""
        size = (number, self.length)
        if not self.length:
            return torch.zeros((number, 0, 0), device=self._device)
        order = rng.random(size).argsort(axis=1)
        signs = rng.choice(np.array([-1.0, 1.0], np.float32), size)
        matrices = np.eye(self.length, dtype=np.float32)[order] * signs[..., None]
        return moved(matrices, self._device)

    def __call__(self, features: Tensor, matrices: Tensor) -> Tensor:
        """Transitions (B, …, F) of B tasks seen under the tasks' matrices (B, length, length).

        Each transition begins with s and, if it is long enough, ends with s'.
        """
        if not self.length:
            return features
        batch, *between, width = features.shape
        applied = matrices.reshape(batch, *(1 for _ in between), self.length, self.length)
        seen = features.clone()
        for columns in self.demonstrations.constant_columns(width):
            vectors = features[..., columns] * self._scale + self._mean
            split = vectors.reshape(*vectors.shape[:-1], -1, self.length)
            turned = (split @ applied).reshape(vectors.shape)
            seen[..., columns] = (turned - self._mean) / self._scale
        return seen

    def transitions(self, drawn: Transitions, matrices: Tensor) -> Transitions:
        """B transitions seen under a matrix each."""
        return drawn._replace(
            states=self(drawn.states, matrices), next_states=self(drawn.next_states, matrices)
        )

    def actions(self, actions: Tensor, matrices: Tensor) -> Tensor:
        """Actions stay as they are."""
        return actions


class MirrorSymmetry:
    """Left and right change places, or not: two tasks from one.

    The normaliser must not tell one side from the other; see :meth:`Normaliser.of`.

    Args:
        demonstrations: what is seen so.
        mirror: the sides.
    """

    view = ()

    def __init__(self, demonstrations: TaskDemonstrations, mirror: Mirror) -> None:
        self.demonstrations = demonstrations
        self._device = demonstrations.states.device
        observed, acting = np.array(mirror.observations), np.array(mirror.actions)
        states, pairs = observed, np.concatenate((observed, observed + len(observed)))
        whole = np.concatenate(
            (observed, len(observed) + acting, len(observed) + len(acting) + observed)
        )
        orders = (states, pairs, whole)
        self._orders = {len(order): torch.from_numpy(order).to(self._device) for order in orders}
        self._actions = torch.from_numpy(acting).to(self._device)

    def draw(self, rng: np.random.Generator, number: int) -> Tensor:
        """Draw whether (1.0) or not (0.0) each of so many tasks is mirrored, (number,)."""
        return moved(rng.integers(2, size=number).astype(np.float32), self._device)

    def __call__(self, features: Tensor, mirrored: Tensor) -> Tensor:
        """States, pairs of them or whole transitions (B, …, F), mirrored or not (B,)."""
        return _where(mirrored, features, self._orders[features.shape[-1]])

    def actions(self, actions: Tensor, mirrored: Tensor) -> Tensor:
        """Actions (B, …, A), mirrored or not (B,)."""
        return _where(mirrored, actions, self._actions)

    def transitions(self, drawn: Transitions, mirrored: Tensor) -> Transitions:
        """B transitions, mirrored or not (B,)."""
        return Transitions(
            self(drawn.states, mirrored),
            None if drawn.actions is None else self.actions(drawn.actions, mirrored),
            self(drawn.next_states, mirrored),
        )


def _where(mirrored: Tensor, rows: Tensor, order: Tensor) -> Tensor:
    """Rows (B, …, F), those of the mirrored (B,) in another order."""
    chosen = mirrored.bool().reshape(-1, *(1 for _ in rows.shape[1:]))
    return torch.where(chosen, rows[..., order], rows)
