"""Gridworld families: cells with features, moves that slip, and a batched simulator of them."""

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
from smile_bench.envs.family import Family
from smile_bench.envs.grid.planning import MDP
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import InputError

__all__ = ["MOVES", "SEEDS", "WALL", "GridFamily"]


MOVES = ("stay", "north", "east", "south", "west")
"""The actions, in order."""
OFFSETS = np.array([[0, 0], [-1, 0], [0, 1], [1, 0], [0, -1]])
"""Rows and columns that each move changes."""
WALL, PLAIN = "#", "."
SEEDS = 2**32
"""How many different streams of slips an episode may have."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GridFamily(Family):
    """A family over one grid: tasks differ in the slip and in the reward of each kind of cell.

    A task's parameters are the slip probability and one weight a kind of cell. A step in a cell
    earns the weight of its kind, whatever the action: r(s, a) = φ(s) · w. The chosen move is made
    with probability 1 − slip, else one drawn evenly from all five; a move into a wall or off the
    grid stays.
    """

    layout: tuple[str, ...]
    """Rows of cells: a wall, plain ground, or a letter for another kind."""
    kinds: str
    """The letters, in the order of the weights."""

    entry_point: ClassVar[str] = "smile_bench.envs.grid.env:SmileGridEnv"
    simulator_entry_point: ClassVar[str] = "smile_bench.envs.grid.simulator:GridSimulator"
    renderer_entry_point: ClassVar[str] = "smile_bench.envs.grid.rendering:GridRenderer"
    expert_entry_point: ClassVar[str] = "smile_bench.envs.grid.expert:GridExpert"

    @property
    def observation_size(self) -> int:
        """One number a cell, and the share of the episode that has passed."""
        return self.cells + 1

    @property
    def state_size(self) -> int:
        """Cell, and the seed of the episode's slips."""
        return 2

    @property
    def state_layout(self) -> str:
        """What the numbers of an initial state are."""
        return "a cell that is no wall, and the integer seed of the episode's slips"

    @property
    def action_space(self) -> spaces.Discrete:
        """The five moves."""
        return spaces.Discrete(len(MOVES))

    @property
    def control_seconds(self) -> float:
        """Length of a step, so that films play at a pace that can be followed."""
        return 0.25

    @property
    def physics(self) -> Mapping[str, Any]:
        """Digest of the layout, and the version of the rule of slips."""
        text = "\n".join((*self.layout, self.kinds))
        return {"layout": hashlib.sha256(text.encode()).hexdigest(), "slips": "splitmix64-1"}

    @property
    def cells(self) -> int:
        """S: all cells, walls included, numbered row by row."""
        return sum(map(len, self.layout))

    @cached_property
    def free(self) -> IntArray:
        """The cells that are no wall."""
        return np.flatnonzero([cell != WALL for row in self.layout for cell in row])

    @cached_property
    def features(self) -> FloatArray:
        """φ, (S, K): 1 where a cell is of a kind."""
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
        """Distribution of the first cell, (S,): even over the free ones."""
        even = np.zeros(self.cells)
        even[self.free] = 1.0 / len(self.free)
        return even

    def decode(self, observations: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Cells and steps passed, (...) each, of observations (..., O).

        Raises:
            InputError: an observation that this family can not have made.
        """
        where, passed = observations[..., :-1], observations[..., -1] * self.horizon
        cells, times = where.argmax(axis=-1), np.rint(passed).astype(np.int64)
        whole = np.isclose(passed, times, atol=1e-3) & (times >= 0) & (times <= self.horizon)
        right = (np.eye(self.cells)[cells] == where).all(axis=-1) & np.isin(cells, self.free)
        if not (whole & right).all():
            bad = np.argwhere(~(whole & right))[0].tolist()
            raise InputError(
                f"observation {bad} is none of {self.id}: it must be 1 for one cell that is no "
                "wall, 0 for the others, and end with the share of the episode that has passed."
            )
        return cells, times

    def require_states(self, states: Any, batch: tuple[int, ...]) -> FloatArray:
        """As :meth:`Family.require_states`; walls and other seeds are refused, too."""
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
            InputError: no integers, of another shape or out of range.
        """
        given, n = np.asarray(actions), len(MOVES)
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
