"""How much of a family's partition a learner has reached in its environments."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smile_bench.arrays import BoolArray, FloatArray
from smile_bench.envs.partition import StatePartition

__all__ = ["Coverage", "ReachedCells"]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The share of cells that were reached."""

    partition: str
    """What the cells are."""
    cells: int
    """How many there are."""
    reached: int
    """In how many of them an observation was."""

    @property
    def share(self) -> float:
        """Reached cells over all, from 0 to 1."""
        return self.reached / self.cells

    def to_dict(self) -> dict[str, Any]:
        """What a recipe says: the fields and the share."""
        return {**asdict(self), "share": self.share}


class ReachedCells:
    """Which cells of a partition were reached so far."""

    def __init__(self, partition: StatePartition) -> None:
        self._partition = partition
        # One more than there are: -1, the cell of what is in none, marks it.
        self._marks = np.zeros(partition.cells + 1, np.bool_)

    def note(self, observations: FloatArray) -> None:
        """Mark the cells of observations (N, O)."""
        self._marks[self._partition.cells_of(observations)] = True

    @property
    def marks(self) -> BoolArray:
        """Which cells were reached, (cells,), a new array."""
        return self._marks[:-1].copy()

    @marks.setter
    def marks(self, marks: BoolArray) -> None:
        if marks.shape != (self._partition.cells,) or marks.dtype != np.bool_:
            raise ValueError(f"the reached cells are {marks.dtype} {marks.shape}")
        self._marks[:-1] = marks

    @property
    def coverage(self) -> Coverage:
        """The share of them."""
        reached = int(np.count_nonzero(self._marks[:-1]))
        return Coverage(
            partition=self._partition.name, cells=self._partition.cells, reached=reached
        )
