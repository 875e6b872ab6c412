"""Gridworld families: cells with features, moves that slip, and a batched simulator of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.envs.family import Family, FloatArray, Outcome, ToldPolicy
from smile_bench.envs.grid_picture import GridRenderer
from smile_bench.envs.tabular import MDP, soft_values
from smile_bench.errors import InputError

__all__ = ["MOVES", "WALL", "GridExpert", "GridFamily", "GridSimulator", "slip_noise"]

IntArray = NDArray[np.int64]

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

    entry_point: ClassVar[str] = "smile_bench.envs.grid_env:SmileGridEnv"

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

    def make_simulator(self, num_envs: int, *, threads: int | None = None) -> GridSimulator:
        """A batched simulator; it needs no threads."""
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1 or None for all, got {threads}.")
        return GridSimulator(self, num_envs)

    def make_renderer(self, width: int, height: int) -> GridRenderer:
        """What draws pictures of a size in pixels."""
        return GridRenderer(self.layout, self.kinds, width, height)

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

    def computed_expert(self) -> ToldPolicy:
        """The soft-optimal policy of the true task."""
        return self._expert

    @cached_property
    def _expert(self) -> GridExpert:
        return GridExpert(self)


class GridExpert:
    """The soft-optimal policy of the true task, by soft value iteration; draws its moves.

    Args:
        family: whose tasks it solves.
    """

    def __init__(self, family: GridFamily) -> None:
        self.family = family
        self._policies: dict[bytes, FloatArray] = {}

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Nothing is trained."""
        return {"command": "exact soft value iteration, nothing to train", "seconds": 0}

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Where moves lead, the features and the horizon: with the task, all that defines it."""
        return (self.family.moves, self.family.features, np.array(self.family.horizon))

    def policies(self, parameters: FloatArray) -> FloatArray:
        """π_t(a | s), (N, T, S, A), for tasks (N, P)."""
        rows = np.asarray(parameters, np.float64)
        new = {row.tobytes(): row for row in rows if row.tobytes() not in self._policies}
        if new:
            tasks, family = np.stack(list(new.values())), self.family
            rewards = family.rewards(tasks[:, 1:])
            solved = soft_values(family.mdp(tasks[:, 0]), rewards, family.horizon)
            self._policies.update(zip(new, solved.policy, strict=True))
        return np.stack([self._policies[row.tobytes()] for row in rows])

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.float32]:
        """Drawn moves as one-hot rows (N, 5), for observations (N, O) in tasks (N, P).

        Raises:
            InputError: no generator to draw from, or observations of another family.
        """
        if rng is None:
            raise InputError("the expert of a grid draws its moves: give it a generator.")
        cells, times = self.family.decode(observations)
        keys = [row.tobytes() for row in np.asarray(parameters, np.float64)]
        if any(key not in self._policies for key in keys):
            self.policies(parameters)
        triples = zip(keys, times, cells, strict=True)
        chances = np.stack([self._policies[key][t, s] for key, t, s in triples])
        drawn = rng.random(len(chances))[:, None] > chances.cumsum(axis=1)
        moves = np.minimum(drawn.sum(axis=1), len(MOVES) - 1)
        return np.asarray(np.eye(len(MOVES), dtype=np.float32)[moves])


def slip_noise(seeds: NDArray[np.uint64], steps: IntArray) -> FloatArray:
    """A uniform number in [0, 1) for each episode's seed and step, (N,): SplitMix64.

    A function of seed and step and nothing else, so that an episode can be replayed.
    """
    x = (seeds << np.uint64(20)) + steps.astype(np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        x = x * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


class GridSimulator:
    """N episodes of a grid family in lockstep.

    Args:
        family: what to simulate.
        num_envs: N.
    """

    def __init__(self, family: GridFamily, num_envs: int) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs must be at least 1, got {num_envs}.")
        self.family, self.num_envs = family, num_envs
        self.parameters: FloatArray = np.zeros((num_envs, len(family.parameter_names)))
        self.cells: IntArray = np.full(num_envs, family.free[0])
        """Where each episode is, (N,)."""
        self.steps: IntArray = np.zeros(num_envs, np.int64)
        self.returns: FloatArray = np.zeros(num_envs)
        self._seeds: NDArray[np.uint64] = np.zeros(num_envs, np.uint64)

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""
        return self.steps.astype(np.float64) * self.family.control_seconds

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task (N, P); episodes must be reset afterwards.

        Raises:
            InputError: parameters of another shape, or slips outside [0, 1].
        """
        parameters = np.array(parameters, np.float64)
        if parameters.shape != self.parameters.shape:
            raise InputError(
                f"task parameters must have shape {self.parameters.shape}, got {parameters.shape}."
            )
        self.family.mdp(parameters[:, 0])
        self.parameters = parameters

    def draw_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Draw an initial state (2,): a free cell, and the seed of the slips."""
        free = self.family.free
        return np.array([free[rng.integers(len(free))], rng.integers(SEEDS)], np.float64)

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin the episodes ``ids``, by default all, in initial states (len(ids), 2).

        Raises:
            InputError: states that the family does not have.
        """
        where = np.arange(self.num_envs) if ids is None else ids
        states = self.family.require_states(states, where.shape)
        self.cells[where] = states[:, 0].astype(np.int64)
        self._seeds[where] = states[:, 1].astype(np.uint64)
        self.steps[where], self.returns[where] = 0, 0.0

    def observe(self) -> FloatArray:
        """Observations (N, S + 1): one-hot cell, and the share of the episode that has passed."""
        observations = np.zeros((self.num_envs, self.family.observation_size))
        observations[np.arange(self.num_envs), self.cells] = 1.0
        observations[:, -1] = self.steps / self.family.horizon
        return observations

    def positions(self) -> dict[str, FloatArray]:
        """Column and row of every episode, (N,) each."""
        row, column = np.divmod(self.cells, len(self.family.layout[0]))
        return {"x_position": column.astype(np.float64), "y_position": row.astype(np.float64)}

    def state(self) -> FloatArray:
        """The cell of every episode, (N, 1)."""
        return self.cells[:, None].astype(np.float64)

    def set_state(self, states: FloatArray) -> None:
        """Put every episode into a cell (N, 1); returns so far and steps taken stay.

        Raises:
            InputError: another shape, or what is no free cell.
        """
        if states.shape != (self.num_envs, 1) or not np.isin(states, self.family.free).all():
            raise InputError(
                f"states of {self.family.id} are free cells {(self.num_envs, 1)}, got shape "
                f"{states.shape}: {states.ravel()[:5].tolist()}."
            )
        self.cells = states[:, 0].astype(np.int64)

    def step(self, actions: NDArray[Any], moving: NDArray[np.bool_] | None = None) -> Outcome:
        """Take one step.

        Args:
            actions: one-hot rows (N, 5).
            moving: which environments (N,) take the step, all by default; the others keep their
                state, and their rows of the outcome mean nothing.

        Raises:
            InputError: actions of another shape, or rows that are not one-hot; nothing has moved.
        """
        going = np.ones(self.num_envs, np.bool_) if moving is None else moving
        shape = (self.num_envs, len(MOVES))
        if actions.shape != shape:
            raise InputError(f"actions must be one-hot rows {shape}, got shape {actions.shape}.")
        chosen = actions.argmax(axis=1)
        if not np.array_equal(np.eye(len(MOVES))[chosen][going], actions[going]):
            raise InputError("actions must be one-hot rows: 1 for the chosen move, 0 for others.")
        slips = self.parameters[:, 0]
        noise = slip_noise(self._seeds, self.steps)
        # Below the slip, the noise is even again: it chooses the move that is made instead.
        with np.errstate(divide="ignore", invalid="ignore"):
            instead = np.nan_to_num(noise / slips * len(MOVES)).clip(0, len(MOVES) - 1)
        made = np.where(noise < slips, instead.astype(np.int64), chosen)
        weights = (self.family.features[self.cells] * self.parameters[:, 1:]).sum(axis=1)
        rewards = np.where(going, weights, 0.0)
        self.cells = np.where(going, self.family.moves[self.cells, made], self.cells)
        self.steps = self.steps + going
        self.returns = self.returns + rewards
        info = {**self.positions(), "episode_return": self.returns.copy()}
        return Outcome(rewards, info, self.returns[:, None].copy())
