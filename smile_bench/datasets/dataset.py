"""Datasets in memory: arrays of demonstrations, and contexts sampled from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets.contexts import Context
from smile_bench.datasets.variants import EXPERT, current_variant
from smile_bench.envs.family import SPLITS
from smile_bench.errors import InputError, UnknownNameError, shown, suggestion

__all__ = [
    "ARRAYS",
    "PER_DEMONSTRATION",
    "Dataset",
    "Demonstrations",
    "checked_indices",
    "require_demonstrations",
]

ARRAYS: dict[str, type[np.generic]] = {
    "task_parameters": np.float64,
    "observations": np.float32,
    "actions": np.float32,
    "next_observations": np.float32,
    "rewards": np.float32,
    "timesteps": np.int32,
    "initial_states": np.float64,
}
"""The arrays of a split and their types. A split also has its metrics, which are float64."""

PER_DEMONSTRATION = tuple(name for name in ARRAYS if name != "task_parameters")
"""Those of them that have one entry a demonstration; metrics have one, too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrations:
    """All demonstrations of a split: N tasks, D demonstrations per task, T transitions each."""

    family: str
    split: str
    task_parameters: FloatArray
    """(N, P)."""
    observations: Float32Array
    """(N, D, T, observation_size)."""
    actions: Float32Array
    """(N, D, T, action_size), exactly as they were applied."""
    next_observations: Float32Array
    """(N, D, T, observation_size)."""
    rewards: Float32Array
    """Task rewards (N, D, T), for analysis. Imitators do not see them."""
    timesteps: NDArray[np.int32]
    """Control step of each transition in its episode, (N, D, T)."""
    initial_states: FloatArray
    """(N, D, S): positions, velocities and everything else that was sampled for the episode."""
    metrics: Mapping[str, FloatArray]
    """Each of the family's metrics over the whole episode, (N, D), by name."""
    replay_actions: Float32Array | None = None
    """Every action of each task's first demonstration, (N, horizon, action_size), so that it can be
    replayed. None where all transitions are kept."""

    @property
    def tasks(self) -> int:
        """N: the number of tasks."""
        return len(self.observations)

    @property
    def demonstrations(self) -> int:
        """D: the number of demonstrations per task."""
        return int(self.observations.shape[1])

    @property
    def contiguous(self) -> bool:
        """Whether every transition begins where the previous one ended."""
        return bool(
            (np.diff(self.timesteps, axis=2) == 1).all()
            and np.array_equal(self.observations[:, :, 1:], self.next_observations[:, :, :-1])
        )

    def contexts(self, tasks: IntArray, demonstrations: IntArray) -> Context:
        """Gather contexts by index; each array is indexed once.

        Args:
            tasks: task indices (B,).
            demonstrations: demonstration indices (B, K).

        Returns:
            Contexts whose arrays have the leading axis B.

        Raises:
            InputError: an index that there is not, or that is not an integer.
        """
        rows = checked_indices("tasks", tasks, self.tasks)
        columns = checked_indices("demonstrations", demonstrations, self.demonstrations)
        where = (rows[:, None], columns)
        return Context(
            family=self.family,
            observations=self.observations[where],
            actions=self.actions[where],
            next_observations=self.next_observations[where],
        )

    def context(self, task: int, demonstrations: list[int]) -> Context:
        """The context of one task with the demonstrations of these indices.

        Raises:
            InputError: an index that there is not, or that is not an integer.
        """
        row = checked_indices("a task", task, self.tasks)
        columns = checked_indices("demonstrations", demonstrations, self.demonstrations)
        return Context(
            family=self.family,
            observations=self.observations[row, columns],
            actions=self.actions[row, columns],
            next_observations=self.next_observations[row, columns],
        )

    def sample_contexts(self, tasks: IntArray, shots: int, rng: np.random.Generator) -> Context:
        """Sample a context of ``shots`` different demonstrations for each of some tasks.

        Args:
            tasks: task indices (B,).
            shots: demonstrations per context.
            rng: source of randomness.

        Returns:
            Contexts whose arrays have the leading axis B.

        Raises:
            InputError: ``shots`` is below 1 or above the number of demonstrations; or an index that
                there is not.
        """
        if isinstance(shots, bool) or not 1 <= shots <= self.demonstrations:
            raise InputError(
                f"a context of {shots} demonstrations cannot be sampled from "
                f"{self.demonstrations} per task; give 1 to {self.demonstrations}."
            )
        order = rng.random((len(checked_indices("tasks", tasks, self.tasks)), self.demonstrations))
        chosen = np.argpartition(order, shots - 1, axis=1)[:, :shots]
        return self.contexts(tasks, chosen)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by their names in the file."""
        named = {name: getattr(self, name) for name in ARRAYS}
        if self.replay_actions is not None:
            named["replay_actions"] = self.replay_actions
        return named | {f"metrics/{name}": values for name, values in self.metrics.items()}

    def digest(self) -> str:
        """SHA-256 of the name, type, shape and bytes of every array."""
        total = hashlib.sha256()
        self.add_to(total)
        return total.hexdigest()

    def add_to(self, total: Any) -> None:
        """Add every array to a SHA-256."""
        for name, array in sorted(self.arrays().items()):
            total.update(f"{self.split}/{name} {array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """The demonstrations of a family and how they were made."""

    family: str
    splits: Mapping[str, Demonstrations]
    attributes: Mapping[str, Any]
    """Recipe, expert and its digest, package versions, licence."""

    @property
    def variant(self) -> str:
        """Who gave the demonstrations: ``"expert"``, ``"noisy"`` or ``"medium"``."""
        return current_variant(str(self.attributes.get("recipe", {}).get("variant", EXPERT)))

    @property
    def train(self) -> Demonstrations:
        """Meta-train: imitators learn from it."""
        return self.splits["train"]

    @property
    def validation(self) -> Demonstrations:
        """Meta-validation: for choosing settings and checkpoints."""
        return self.splits["validation"]

    @property
    def test(self) -> Demonstrations:
        """Meta-test: for the contexts of the evaluation only."""
        return self.splits["test"]

    def split(self, name: str) -> Demonstrations:
        """A split by its name.

        Raises:
            UnknownNameError: there is no such split.
        """
        if name not in self.splits:
            raise UnknownNameError(f"unknown split {shown(name)}. {suggestion(name, SPLITS)}")
        return self.splits[name]

    def digest(self) -> str:
        """SHA-256 of the name, type, shape and bytes of every array: the dataset's identity."""
        total = hashlib.sha256()
        for split in SPLITS:
            self.splits[split].add_to(total)
        return total.hexdigest()


def checked_indices(what: str, given: Any, number: int) -> IntArray:
    """Indices from 0 to ``number`` - 1 as an array; an empty list is fine.

    NumPy would count a negative index from the end and read booleans as a mask.

    Args:
        what: what is counted, for the message.
        given: an integer, or a sequence or array of integers.
        number: how many there are.

    Raises:
        InputError: something else was given.
    """
    try:
        indices = np.asarray(given)
    except ValueError:  # Rows of different lengths.
        indices = np.array("ragged")
    if indices.size == 0:
        return indices.astype(np.int64)
    if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= number:
        raise InputError(
            f"the index of {what} is an integer from 0 to {number - 1}; got {shown(given)}."
        )
    return indices


def require_demonstrations(given: Any) -> Context:
    """Accept the demonstrations of several tasks, arrays (N, D, T, ...).

    Args:
        given: as :meth:`smile_bench.access.Access.demonstrations` hands them out, or a split of a
            dataset.

    Raises:
        InputError: anything else, or arrays of other shapes.
    """
    if isinstance(given, Demonstrations):
        given = Context(
            family=given.family,
            observations=given.observations,
            actions=given.actions,
            next_observations=given.next_observations,
        )
    if not isinstance(given, Context):
        raise InputError(
            f"a {type(given).__name__} is not the demonstrations of several tasks. Give "
            "Access.demonstrations(), or a split of a dataset, such as "
            "smile_bench.load_dataset(...).train."
        )
    shape, later = np.shape(given.observations), np.shape(given.next_observations)
    acted = None if given.actions is None else np.shape(given.actions)
    alike = later == shape and (acted is None or acted[:-1] == shape[:-1])
    if len(shape) != 4 or 0 in shape or not alike:
        raise InputError(
            f"observations {shape}, actions {acted} and next observations {later} are not "
            "demonstrations of several tasks. Give arrays (tasks, demonstrations, timesteps, "
            "size), such as Access.demonstrations() returns."
        )
    return given
