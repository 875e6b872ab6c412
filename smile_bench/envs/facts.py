"""The parts of a family's declaration: its tasks, its metrics and how its dataset is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import declaration
from smile_bench.errors import InputError

__all__ = ["DatasetRecipe", "Metric", "Task"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a family, as ``env.unwrapped.task`` shows it."""

    family: str
    """The family's id."""
    split: str
    """``"train"``, ``"validation"`` or ``"test"``."""
    index: int
    """Row in the split's task table; -1 for a task outside the tables."""
    parameters: tuple[float, ...]
    """The row, P numbers."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that measures an episode."""

    name: str
    """Its key in ``info``."""
    description: str
    """What it measures, for tables."""
    unit: str
    """Its unit; empty for a plain number."""
    higher_is_better: bool
    """Whether a larger value is better."""

    def worst(self, values: FloatArray) -> float:
        """The worst of some values of the metric."""
        return float(values.min() if self.higher_is_better else values.max())


@dataclass(frozen=True, kw_only=True)
class DatasetRecipe:
    """How the family's canonical dataset is made from its expert.

    Raises:
        InputError: a count below 1, or a noise scale that is negative or not finite.
    """

    expert: str
    """File name of the expert's weights, without ending."""
    demonstrations: int
    """Demonstrations per task."""
    subsample: int
    """Every k-th control step is kept as a transition; 1 keeps all."""
    noise: float = 0.2
    """Scale of the action noise in noisy demonstrations, small enough that they resemble the
    expert's. In a ``Box`` space it is the standard deviation of Gaussian noise. In a ``Discrete``
    space it is the probability that an action is replaced by a random one."""

    def __post_init__(self) -> None:
        counts = {"demonstrations": self.demonstrations, "subsample": self.subsample}
        declaration.require_counts(f"the dataset of {self.expert!r}", **counts)
        if not (np.isfinite(self.noise) and self.noise >= 0.0):
            raise InputError(
                f"the noise of a dataset is a scale, finite and at least 0, got {self.noise!r}."
            )
