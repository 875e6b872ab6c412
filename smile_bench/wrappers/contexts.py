"""Contexts for environments: which demonstrations go with an episode, and in which form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.datasets.contexts import Context
from smile_bench.datasets.dataset import Demonstrations, require_demonstrations
from smile_bench.errors import InputError, shown

__all__ = ["ContextSource", "Embed", "Seen"]

Embed: TypeAlias = Callable[[Context], Any]
"""A context of K demonstrations, arrays (K, T, ...), to a vector (Z,)."""

Seen: TypeAlias = Mapping[str, NDArray[Any]]
"""What an observation shows of a context, by name."""

OBSERVATION = "observation"
EMBEDDING = "embedding"


class ContextSource:
    """Samples contexts of tasks, and puts them into observations.

    Args:
        demonstrations: of all tasks, arrays (N, D, T, ...), such as
            ``smile_bench.access.Access.demonstrations`` hands out. Task i of the environments is
            task i here.
        shots: K, demonstrations in a context.
        embed: makes a vector (Z,) of a context, which is appended to the observation. Without it
            an observation is a dictionary of the observation and the context's arrays.

    Raises:
        InputError: demonstrations of another shape, fewer of a task than ``shots``, or an
            embedding that is not a vector of finite numbers.
    """

    def __init__(
        self,
        demonstrations: Context | Demonstrations,
        shots: int = 1,
        embed: Embed | None = None,
        split: str = "train",
    ) -> None:
        demonstrations = require_demonstrations(demonstrations)
        self.demonstrations, self.embed, self.split = demonstrations, embed, split
        self.tasks, self.each = demonstrations.observations.shape[:2]
        if type(shots) is not int or not 1 <= shots <= self.each:
            raise InputError(
                f"shots is {shown(shots)}; each task has {self.each} demonstrations, so give 1 to "
                f"{self.each}."
            )
        self.shots = shots
        self.example = self.of(0, np.arange(shots))
        """What observations show of one context, for their space."""

    def sample(self, task: int, rng: np.random.Generator) -> Seen:
        """What observations show of a context of a task.

        Args:
            task: its index.
            rng: chooses the demonstrations, without replacement.

        Raises:
            InputError: there are no demonstrations of the task.
        """
        return self.of(task, rng.permutation(self.each)[: self.shots])

    def of(self, task: int, chosen: NDArray[np.integer]) -> Seen:
        """What observations show of these demonstrations of a task."""
        if not 0 <= task < self.tasks:
            raise InputError(
                f"an environment has task {task}, and there are demonstrations of the tasks 0 to "
                f"{self.tasks - 1}. Give those of the environment's own split."
            )
        given = self.demonstrations
        context = Context(
            family=given.family,
            observations=given.observations[task, chosen],
            actions=None if given.actions is None else given.actions[task, chosen],
            next_observations=given.next_observations[task, chosen],
        )
        if self.embed is not None:
            return {EMBEDDING: _checked(self.embed(context))}
        parts: dict[str, Any] = {
            "context_observations": context.observations,
            "context_actions": context.actions,
            "context_next_observations": context.next_observations,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def require_family(self, environments: Any) -> None:
        """Refuse environments of another family, or of none.

        Args:
            environments: without their wrappers.

        Raises:
            InputError: saying what was given.
        """
        family = getattr(getattr(environments, "family", None), "id", None)
        if family is None:
            spec = getattr(environments, "spec", None)
            name = type(environments).__name__ if spec is None else spec.id
            raise InputError(
                f"{name} is not of a family of smile-bench, so its tasks have no demonstrations. "
                f"Give an environment of {self.demonstrations.family}."
            )
        if family != self.demonstrations.family:
            raise InputError(
                f"the environments are of {family} and the demonstrations of "
                f"{self.demonstrations.family}; give both of one family."
            )
        if (split := getattr(environments, "split", "train")) != self.split:
            raise InputError(
                f"the environments have {split} tasks and the demonstrations are of {self.split} "
                f"tasks. Give demonstrations of {split} tasks and split={split!r}."
            )

    def space(self, observed: spaces.Space[Any]) -> spaces.Space[Any]:
        """The space of one environment's observations with a context."""
        if not isinstance(observed, spaces.Box):
            raise InputError(
                f"observations of the space {shown(observed)} cannot be joined with a context; "
                "wrap environments whose observations are vectors, each once."
            )
        if self.embed is not None:
            free = np.full(len(self.example[EMBEDDING]), np.inf, observed.dtype)
            low = np.concatenate((observed.low, -free))
            dtype: Any = observed.dtype
            return spaces.Box(low, np.concatenate((observed.high, free)), dtype=dtype)
        parts: dict[str, spaces.Space[Any]] = {OBSERVATION: observed}
        for name, part in self.example.items():
            parts[name] = spaces.Box(-np.inf, np.inf, part.shape, np.float32)
        return spaces.Dict(parts)

    def join(self, observation: FloatArray, seen: Seen) -> Any:
        """An observation, or a batch of them, and what it shows of its context."""
        if self.embed is None:
            return {OBSERVATION: observation, **seen}
        return np.concatenate((observation, seen[EMBEDDING]), axis=-1, dtype=observation.dtype)


def _checked(embedding: Any) -> NDArray[np.floating]:
    vector = np.asarray(embedding, np.float64)
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
        raise InputError(
            f"embed returned an array of shape {vector.shape}; it must return a vector of finite "
            "numbers."
        )
    return vector
