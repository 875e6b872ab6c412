"""The batched simulator of a gridworld family."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.arguments import checked_count
from smile_bench.envs.declaration import require_metrics
from smile_bench.envs.grid.family import MOVES, SEEDS, GridFamily
from smile_bench.envs.simulation import StepResult, require_begun
from smile_bench.errors import InputError

__all__ = ["GridSimulator", "slip_noise"]


def slip_noise(seeds: NDArray[np.uint64], steps: IntArray) -> FloatArray:
    """A uniform number in [0, 1) for each episode's seed and step, by SplitMix64.

    It depends on nothing else, so that an episode can be replayed.

    Args:
        seeds: of the episodes, (N,), below 2³².
        steps: control steps taken, (N,).

    Returns:
        (N,).
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
        threads: not used, because a step is a few array operations.

    Raises:
        InputError: a number below 1.
    """

    def __init__(self, family: GridFamily, num_envs: int, *, threads: int | None = None) -> None:
        num_envs = checked_count("num_envs", num_envs)
        if threads is not None:
            checked_count("threads", threads, " or None for all")
        self.family, self.num_envs = family, num_envs
        self.parameters: FloatArray = np.zeros((num_envs, len(family.parameter_names)))
        self.cells: IntArray = np.full(num_envs, family.free[0])
        """Where each episode is, (N,)."""
        self.steps: IntArray = np.zeros(num_envs, np.int64)
        # Not a number until an episode begins: zero would be better than most returns.
        self.returns: FloatArray = np.full(num_envs, np.nan)
        self._seeds: NDArray[np.uint64] = np.zeros(num_envs, np.uint64)

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""
        return self.steps.astype(np.float64) * self.family.control_seconds

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task (N, P). Reset those whose task is another one.

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

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Sample an initial state (2,): a free cell, and the seed of the slips."""
        free = self.family.free
        return np.array([free[rng.integers(len(free))], rng.integers(SEEDS)], np.float64)

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin the episodes ``ids``, by default all, in initial states (len(ids), 2).

        Raises:
            InputError: another shape, walls, or seeds that are not integers below 2³².
        """
        where = np.arange(self.num_envs) if ids is None else ids
        states = self.family.require_states(states, where.shape)
        self.cells[where] = states[:, 0].astype(np.int64)
        self._seeds[where] = states[:, 1].astype(np.uint64)
        self.steps[where], self.returns[where] = 0, 0.0

    def observe(self) -> FloatArray:
        """Observations (N, cells + 1): the cell, one-hot, and the share of the horizon."""
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
        """Put every episode into a cell (N, 1). Returns so far and steps taken stay.

        Raises:
            InputError: another shape, or not a free cell.
        """
        if states.shape != (self.num_envs, 1) or not np.isin(states, self.family.free).all():
            raise InputError(
                f"states of {self.family.id} are free cells {(self.num_envs, 1)}, got shape "
                f"{states.shape}: {states.ravel()[:5].tolist()}."
            )
        self.cells = states[:, 0].astype(np.int64)

    def snapshot(self) -> FloatArray:
        """All that continues the episodes, (N, 4): cell, seed of the slips, steps, return."""
        columns = (self.cells, self._seeds, self.steps, self.returns)
        return np.stack([column.astype(np.float64) for column in columns], axis=1)

    def restore(self, snapshot: FloatArray) -> None:
        """Continue all episodes exactly from what :meth:`snapshot` returned.

        The tasks must be those of the snapshot.

        Raises:
            InputError: cells or seeds that the family does not have, or another number of rows.
        """
        self.reset(snapshot[:, :2])
        self.steps[:], self.returns[:] = snapshot[:, 2], snapshot[:, 3]

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> StepResult:
        """Take one step.

        Args:
            actions: one-hot rows (N, 5).
            active: which environments (N,) take the step, all by default. The others keep their
                state, and their rows of the result mean nothing.

        Raises:
            InputError: actions of another shape, rows that are not one-hot, or episodes that have
                not begun (nothing has moved); or a declared metric that grids do not compute.
        """
        require_begun(~np.isnan(self.returns), active)
        active = np.ones(self.num_envs, np.bool_) if active is None else active
        shape = (self.num_envs, len(MOVES))
        if actions.shape != shape:
            raise InputError(f"actions must be one-hot rows {shape}, got shape {actions.shape}.")
        chosen = actions.argmax(axis=1)
        if not np.array_equal(np.eye(len(MOVES))[chosen][active], actions[active]):
            raise InputError("actions must be one-hot rows: 1 for the chosen move, 0 for others.")
        slips = self.parameters[:, 0]
        noise = slip_noise(self._seeds, self.steps)
        # Below the slip the noise is uniform, too: it chooses the move that is made instead.
        with np.errstate(divide="ignore", invalid="ignore"):
            instead = np.nan_to_num(noise / slips * len(MOVES)).clip(0, len(MOVES) - 1)
        made = np.where(noise < slips, instead.astype(np.int64), chosen)
        weights = (self.family.features[self.cells] * self.parameters[:, 1:]).sum(axis=1)
        rewards = np.where(active, weights, 0.0)
        self.cells = np.where(active, self.family.moves[self.cells, made], self.cells)
        self.steps = self.steps + active
        self.returns = self.returns + rewards
        info = {**self.positions(), "episode_return": self.returns.copy()}
        require_metrics(self.family.id, self.family.metrics, info)
        return StepResult(rewards, info, self.returns[:, None].copy())
