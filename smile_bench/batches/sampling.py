"""Batches of contexts and queries in NumPy: which transitions they hold, and the transitions."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from smile_bench.arrays import Float32Array, IntArray
from smile_bench.batches.settings import BatchSettings
from smile_bench.datasets.contexts import Context
from smile_bench.datasets.dataset import Demonstrations, require_demonstrations
from smile_bench.errors import InputError, shown
from smile_bench.learning.normaliser import Normaliser

__all__ = ["Batch", "ContextQueryBatches", "Places"]


class Places(NamedTuple):
    """Where the transitions of a batch lie among those of N tasks, counted task by task."""

    tasks: IntArray
    """(B,)."""
    context: IntArray
    """(B, K, C)."""
    queries: IntArray
    """(B, Q)."""


class Batch(NamedTuple):
    """A context and queries of each of B tasks, from different demonstrations of the task."""

    tasks: IntArray
    """Index of each task, (B,)."""
    context_observations: Float32Array
    """(B, K, C, O)."""
    context_actions: Float32Array | None
    """(B, K, C, A), or None where they are hidden."""
    context_next_observations: Float32Array
    """(B, K, C, O)."""
    observations: Float32Array
    """Of the queries, (B, Q, O)."""
    actions: Float32Array | None
    """What the expert did there, (B, Q, A); None from a state-only access."""
    next_observations: Float32Array
    """(B, Q, O)."""


class ContextQueryBatches(Sequence[Batch]):
    """Batches of a family's demonstrations for meta-learning, as a sequence.

    Batch i depends on the seed and i alone. So a training can be resumed at any batch, and several
    workers can share the work without changing the numbers.

    Args:
        demonstrations: of all tasks, with arrays (N, D, T, ...), as
            ``smile_bench.access.Access.demonstrations`` hands them out, or a split of a dataset.
        settings: what a batch holds.
        seed: of everything that is sampled.
        normaliser: of observations; they stay as they are by default.
        length: number of batches; by default enough that each transition is a query once on
            average.

    Raises:
        InputError: demonstrations of another shape; a context or a crop that is larger than what
            there is; a context that leaves no demonstration of its task for queries.
    """

    def __init__(
        self,
        demonstrations: Context | Demonstrations,
        settings: BatchSettings | None = None,
        *,
        seed: int = 0,
        normaliser: Normaliser | None = None,
        length: int | None = None,
    ) -> None:
        self.settings = settings = settings or BatchSettings()
        demonstrations = require_demonstrations(demonstrations)
        self.family, self.normaliser = demonstrations.family, normaliser
        self.number, self.each, self.timesteps = demonstrations.observations.shape[:3]
        _require_fitting(settings, self.each, self.timesteps)
        self.seed = _natural("seed", seed)
        per_batch = settings.tasks * (settings.queries or self.timesteps)
        whole = -(-self.number * self.each * self.timesteps // per_batch)
        self._length = whole if length is None else _natural("length", length)
        parts = [demonstrations.observations, demonstrations.next_observations]
        if normaliser is not None:
            parts = [normaliser(part) for part in parts]
        self._observed, self._acts = parts[0].shape[-1], demonstrations.actions is not None
        if demonstrations.actions is not None:
            parts.insert(1, demonstrations.actions)
        rows = np.concatenate(parts, axis=-1, dtype=np.float32)
        self.rows: Float32Array = rows.reshape(-1, rows.shape[-1])
        """Every transition, (N · D · T, O + A + O), or without the A of actions."""

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Batch:  # type: ignore[override]
        """Batch ``index``.

        Raises:
            IndexError: there is no such batch.
            TypeError: a slice, or anything but an integer.
        """
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} batches; batch {number} was asked for.")
        return self.gathered(self.places(number % len(self)))

    def endless(self, first: int = 0, step: int = 1) -> Iterator[Batch]:
        """Batches ``first``, ``first + step`` and so on, beyond the length, without an end."""
        while True:
            yield self.gathered(self.places(first))
            first += step

    def places(self, index: int) -> Places:
        """Which transitions batch ``index`` holds, for any index of 0 or more."""
        settings, rng = self.settings, np.random.default_rng((self.seed, index))
        shots = settings.sizes[index % len(settings.sizes)]
        tasks = rng.integers(self.number, size=settings.tasks)
        order = rng.random((settings.tasks, self.each)).argsort(axis=1)
        demonstrations = tasks[:, None] * self.each + order
        context = demonstrations[:, :shots, None] * self.timesteps + self._crop(rng, shots)
        others = demonstrations[:, shots:] if shots < self.each else demonstrations
        if settings.queries is None:
            return Places(tasks, context, others[:, :1] * self.timesteps + self._all())
        size = (settings.tasks, settings.queries)
        chosen = np.take_along_axis(others, rng.integers(others.shape[1], size=size), axis=1)
        times = rng.integers(self.timesteps, size=size)
        return Places(tasks, context, chosen * self.timesteps + times)

    def gathered(self, places: Places) -> Batch:
        """The batch at these places."""
        observed = self._observed
        context, queries = self.rows[places.context], self.rows[places.queries]
        hidden = self.settings.state_only_contexts or not self._acts
        return Batch(
            tasks=places.tasks,
            context_observations=context[..., :observed],
            context_actions=None if hidden else context[..., observed:-observed],
            context_next_observations=context[..., -observed:],
            observations=queries[..., :observed],
            actions=queries[..., observed:-observed] if self._acts else None,
            next_observations=queries[..., -observed:],
        )

    def _all(self) -> IntArray:
        return np.arange(self.timesteps)

    def _crop(self, rng: np.random.Generator, shots: int) -> IntArray:
        """Timesteps of each demonstration of each context, (B, K, C) or (T,)."""
        kept = self.settings.context_timesteps
        if kept is None or kept == self.timesteps:
            return self._all()
        size = (self.settings.tasks, shots)
        if self.settings.crop == "window":
            return rng.integers(self.timesteps - kept + 1, size=size)[..., None] + np.arange(kept)
        chosen = rng.random((*size, self.timesteps)).argpartition(kept, axis=-1)[..., :kept]
        return np.sort(chosen, axis=-1)


def _require_fitting(settings: BatchSettings, each: int, timesteps: int) -> None:
    """Refuse what the demonstrations cannot give.

    Raises:
        InputError: a context without queries, or a crop longer than a demonstration.
    """
    largest, most = max(settings.sizes), each if settings.overlap else each - 1
    if largest > most:
        has = "1 demonstration" if each == 1 else f"{each} demonstrations"
        fewer = f"Give shots of 1 to {most}" if most else "Take more demonstrations"
        reuse = "" if settings.overlap else ", or overlap=True to take queries from the context"
        raise InputError(
            f"each task has {has}, so a context of {largest} leaves none for queries. "
            f"{fewer}{reuse}."
        )
    if (kept := settings.context_timesteps) is not None and kept > timesteps:
        raise InputError(
            f"context_timesteps is {kept}, and a demonstration has {timesteps} timesteps; give 1 "
            f"to {timesteps}, or None for all."
        )


def _natural(name: str, value: int) -> int:
    if type(value) is not int or value < 0:
        raise InputError(f"{name} is {shown(value)}; give an integer of 0 or more.")
    return value
