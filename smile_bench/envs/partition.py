"""Partitions of what is observed into cells; coverage is the share of cells that were reached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.errors import InputError

__all__ = ["Axis", "BoxPartition", "OneHotPartition", "StatePartition"]

MOST = 1_000_000
"""Cells of a partition."""


class StatePartition(ABC):
    """Cells that observations fall into, numbered from 0. Not part of a protocol's version."""

    name: str
    """What the cells are, for recipes and tables, in at most 200 characters."""

    @property
    @abstractmethod
    def cells(self) -> int:
        """How many cells there are."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers an observation must have at least."""

    @abstractmethod
    def cells_of(self, observations: FloatArray) -> IntArray:
        """The cell (N,) of each of N observations (N, O); -1 for one that is in none."""


@dataclass(frozen=True, kw_only=True)
class OneHotPartition(StatePartition):
    """One cell for each place that observations show one-hot.

    Raises:
        InputError: the places are not different columns, or there are none.
    """

    name: str
    places: tuple[int, ...]
    """Columns of an observation, in rising order: those that are cells."""

    def __post_init__(self) -> None:
        places = self.places
        if not places or list(places) != sorted(set(places)) or places[0] < 0:
            raise InputError(
                f"the places of {self.name!r} must be different columns in rising order, got "
                f"{places}."
            )

    @property
    def cells(self) -> int:
        """How many places there are."""
        return len(self.places)

    @property
    def width(self) -> int:
        """The last place is within this many columns."""
        return self.places[-1] + 1

    @cached_property
    def _cell_of_column(self) -> IntArray:
        cells = np.full(self.width, -1)
        cells[list(self.places)] = np.arange(len(self.places))
        return cells

    def cells_of(self, observations: FloatArray) -> IntArray:
        """As :meth:`StatePartition.cells_of`; where no place is marked, the cell means nothing."""
        table = self._cell_of_column
        return np.asarray(table[observations[:, : len(table)].argmax(axis=1)])


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Equal bins of one observed number.

    Raises:
        InputError: an empty range, or fewer than one bin.
    """

    column: int
    """Where the number stands in an observation."""
    low: float
    high: float
    bins: int
    periodic: bool = False
    """Whether numbers outside the range are wrapped into it, as angles are."""

    def __post_init__(self) -> None:
        if not self.low < self.high or self.bins < 1 or self.column < 0:
            raise InputError(
                "an axis of a partition needs low < high, at least one bin and a column from 0, "
                f"got {self}."
            )


@dataclass(frozen=True, kw_only=True)
class BoxPartition(StatePartition):
    """Boxes of equal size over a few observed numbers, perhaps only those within a radius.

    Raises:
        InputError: no axis, or no cell or more than a million of them.
    """

    name: str
    axes: tuple[Axis, ...]
    radius: float | None = None
    """If given, a box is a cell if its centre is at most this far from the origin."""

    def __post_init__(self) -> None:
        boxes = int(np.prod([axis.bins for axis in self.axes])) if self.axes else 0
        if not 1 <= boxes <= MOST or not self.cells:
            raise InputError(
                f"the partition {self.name!r} has {boxes} boxes; give 1 to {MOST}, at least one of "
                "them within the radius."
            )

    @cached_property
    def cells(self) -> int:
        """How many boxes are cells."""
        return int(self._are_cells.sum())

    @property
    def width(self) -> int:
        """The axes lie within this many columns."""
        return max(axis.column for axis in self.axes) + 1

    @property
    def centres(self) -> FloatArray:
        """The centre of each cell, (cells, axes)."""
        return np.asarray(self._all_centres[self._are_cells])

    def cells_of(self, observations: FloatArray) -> IntArray:
        """As :meth:`StatePartition.cells_of`; a box has its lower bounds and not its upper ones."""
        low, per_unit, bins, strides = self._scales
        places = np.floor((observations[:, self._columns] - low) * per_unit)
        for number, axis in enumerate(self.axes):
            if axis.periodic:
                places[:, number] %= axis.bins
        inside = ((places >= 0.0) & (places < bins)).all(axis=1)
        boxes = np.where(inside, places @ strides, 0.0).astype(np.int64)
        return np.where(inside, self._cell_of_box[boxes], -1)

    @cached_property
    def _columns(self) -> Sequence[int]:
        return [axis.column for axis in self.axes]

    @cached_property
    def _scales(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Lower bounds, bins per unit, numbers of bins and strides, (axes,) each."""
        low = np.array([axis.low for axis in self.axes])
        bins = np.array([float(axis.bins) for axis in self.axes])
        per_unit = bins / np.array([axis.high - axis.low for axis in self.axes])
        strides = np.append(np.cumprod(bins[:0:-1])[::-1], 1.0)
        return low, per_unit, bins, strides

    @cached_property
    def _all_centres(self) -> FloatArray:
        lines = [
            axis.low + (np.arange(axis.bins) + 0.5) * (axis.high - axis.low) / axis.bins
            for axis in self.axes
        ]
        return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))

    @cached_property
    def _are_cells(self) -> BoolArray:
        """Which boxes are cells, (boxes,)."""
        away = np.linalg.norm(self._all_centres, axis=1)
        return np.asarray(away <= (np.inf if self.radius is None else self.radius))

    @cached_property
    def _cell_of_box(self) -> IntArray:
        return np.where(self._are_cells, np.cumsum(self._are_cells) - 1, -1)
