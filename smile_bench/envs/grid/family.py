"""Gridworld families: cells with features, and moves that slip."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.arguments import as_array
from smile_bench.envs.family import Family
from smile_bench.envs.grid.mdp import MDP
from smile_bench.envs.partition import OneHotPartition, StatePartition
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import InputError

__all__ = ["MOVES", "SEEDS", "WALL", "GridFamily"]


MOVES = ("stay", "north", "east", "south", "west")
"""The actions, in order."""
OFFSETS = np.array([[0, 0], [-1, 0], [0, 1], [1, 0], [0, -1]])
"""Rows and columns that each move adds."""
WALL, PLAIN = "#", "."
"""How a layout shows walls and plain ground."""
SEEDS = 2**32
"""How many streams of slips there are; an episode has one of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GridFamily(Family):
    """A family over one grid: tasks differ in the slip and in the reward of each kind of cell.

    A task's parameters are the slip probability and one weight per kind of cell. The reward of a
    step is the weight of the cell in which it was taken, whatever the action: r(s, a) = φ(s) · w.
    With probability 1 − slip the chosen move is made, else a random one of the five. A move into a
    wall or off the grid stays.

    Raises:
        InputError: a part is missing or does not fit the others.
    """

    layout: tuple[str, ...]
    """Rows of cells: ``#`` for a wall, ``.`` for plain ground, or the letter of a kind."""
    kinds: str
    """The letters, in the order of the weights."""

    season_episodes: ClassVar[int] = 4
    entry_point: ClassVar[str] = "smile_bench.envs.grid.env:SmileGridEnv"
    simulator_entry_point: ClassVar[str] = "smile_bench.envs.grid.simulator:GridSimulator"
    renderer_entry_point: ClassVar[str] = "smile_bench.envs.grid.rendering:GridRenderer"
    expert_entry_point: ClassVar[str] = "smile_bench.envs.grid.expert:GridExpert"

    def __post_init__(self) -> None:
        super().__post_init__()
        width = len(self.layout[0]) if self.layout else 0
        known = {WALL, PLAIN, *self.kinds}
        if not width or any(len(row) != width or set(row) - known for row in self.layout):
            raise InputError(
                f"the layout of {self.id} must be rows of one length with the cells "
                f"{sorted(known)}, got {self.layout}."
            )
        if not len(self.free):
            raise InputError(f"the layout of {self.id} has only walls: leave some cells free.")
        weights = len(self.kinds)
        if len(self.parameter_names) != 1 + weights or len(set(self.kinds)) != weights:
            raise InputError(
                f"a task of {self.id} is a slip probability and a weight for each of the kinds "
                f"{self.kinds!r}: give different kinds and {1 + weights} parameter_names, got "
                f"{self.parameter_names}."
            )

    @property
    def coverage_cells(self) -> StatePartition:
        """The partition that was declared, or the grid's cells."""
        places = tuple(self.free.tolist())
        return self.partition or OneHotPartition(name="cells that are not walls", places=places)

    @property
    def observation_size(self) -> int:
        """One number per cell, and the share of the episode that has passed."""
        return self.cells + 1

    @property
    def state_size(self) -> int:
        """Two: a cell, and the seed of the episode's slips."""
        return 2

    @property
    def state_layout(self) -> str:
        """What the numbers of an initial state are."""
        return "a cell that is not a wall, and the integer seed of the episode's slips"

    @property
    def action_space(self) -> spaces.Discrete:
        """The five moves."""
        return spaces.Discrete(len(MOVES))

    @property
    def control_seconds(self) -> float:
        """Length of a step; videos play at this pace."""
        return 0.25

    @property
    def physics(self) -> Mapping[str, Any]:
        """Digest of the layout, and the version of the rule of slips."""
        text = "\n".join((*self.layout, self.kinds))
        return {"layout": hashlib.sha256(text.encode()).hexdigest(), "slips": "splitmix64-1"}

    @property
    def cells(self) -> int:
        """S: number of cells, walls included. They are numbered row by row."""
        return sum(map(len, self.layout))

    @cached_property
    def free(self) -> IntArray:
        """The cells that are not walls."""
        return np.flatnonzero([cell != WALL for row in self.layout for cell in row])

    @cached_property
    def features(self) -> FloatArray:
        """φ(s), (S, K): 1 where a cell is of a kind."""
        flat = [cell for row in self.layout for cell in row]
        return np.array([[float(cell == kind) for kind in self.kinds] for cell in flat])

    @cached_property
    def moves(self) -> IntArray:
        """The cell that each move leads to, (S, 5)."""
        height, width = len(self.layout), len(self.layout[0])
        places = np.stack(np.divmod(np.arange(self.cells), width), axis=1)
        there = places[:, None] + OFFSETS
        inside = ((there >= 0) & (there < (height, width))).all(axis=2)
        flat = np.where(inside, there[..., 0] * width + there[..., 1], 0)
        open_cell = (
            np.isin(flat, self.free) & inside & np.isin(np.arange(self.cells), self.free)[:, None]
        )
        return np.asarray(np.where(open_cell, flat, np.arange(self.cells)[:, None]))

    def mdp(self, slips: FloatArray) -> MDP:
        """The dynamics of tasks with slip probabilities (B,).

        Raises:
            InputError: a slip outside [0, 1].
        """
        slips = np.asarray(slips, np.float64)
        if not ((slips >= 0.0) & (slips <= 1.0)).all():
            raise InputError(f"slip probabilities lie in [0, 1], got {slips[:5].tolist()}.")
        n = len(MOVES)
        chosen, any_move = np.eye(n), np.full((n, n), 1.0 / n)
        s = slips[:, None, None]
        return MDP(self.moves, ((1.0 - s) * chosen + s * any_move)[:, None])

    def rewards(self, weights: FloatArray) -> FloatArray:
        """r(s, a) = φ(s) · w, (B, S, 1), for weights (B, K)."""
        return np.asarray(weights @ self.features.T)[..., None]

    @property
    def start(self) -> FloatArray:
        """Distribution of the first cell, (S,): uniform over the free ones."""
        even = np.zeros(self.cells)
        even[self.free] = 1.0 / len(self.free)
        return even

    def decode(self, observations: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Cells and steps taken, (...) each, of observations (..., O).

        Raises:
            InputError: an observation that this family cannot give.
        """
        where, passed = observations[..., :-1], observations[..., -1] * self.horizon
        cells, times = where.argmax(axis=-1), np.rint(passed).astype(np.int64)
        whole = np.isclose(passed, times, atol=1e-3) & (times >= 0) & (times <= self.horizon)
        right = (np.eye(self.cells)[cells] == where).all(axis=-1) & np.isin(cells, self.free)
        if not (whole & right).all():
            bad = np.argwhere(~(whole & right))[0].tolist()
            raise InputError(
                f"observation {bad} is not one of {self.id}: it must be 1 for one cell that is not "
                "a wall, 0 for the others, and end with the share of the episode that has passed."
            )
        return cells, times

    def require_states(self, states: Any, batch: tuple[int, ...]) -> FloatArray:
        """Check initial states as :meth:`Family.require_states`, and refuse walls and bad seeds."""
        checked = super().require_states(states, batch)
        cells, seeds = checked[..., 0], checked[..., 1]
        whole = np.isin(cells, self.free) & (seeds == np.floor(seeds))
        if not (whole & (seeds >= 0) & (seeds < SEEDS)).all():
            raise InputError(
                f"an initial state of {self.id} is {self.state_layout}, an integer below {SEEDS}; "
                f"got {checked.reshape(-1, 2)[:3].tolist()}."
            )
        return checked

    def action_rows(self, actions: Any, num_envs: int) -> FloatArray:
        """Moves (N,) as one-hot rows (N, 5).

        Raises:
            InputError: not integers, of another shape or out of range.
        """
        given, n = as_array("actions", actions), len(MOVES)
        if given.shape != (num_envs,) or given.dtype.kind not in "iu":
            raise InputError(
                f"actions must be integers from 0 to {n - 1} of shape {(num_envs,)}, got an array "
                f"of {given.dtype} of shape {given.shape}."
            )
        if ((given < 0) | (given >= n)).any():
            raise InputError(f"actions must be integers from 0 to {n - 1}, got {given.tolist()}.")
        return np.asarray(np.eye(n)[given])

    def computed_expert(self) -> PrivilegedPolicy:
        """The soft-optimal policy of the true task."""
        return self._expert

    @cached_property
    def _expert(self) -> PrivilegedPolicy:
        expert: PrivilegedPolicy = pkgutil.resolve_name(self.expert_entry_point)(self)
        return expert
