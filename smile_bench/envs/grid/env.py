"""The scalar environment of a gridworld family."""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs.arguments import (
    checked_count,
    require_render_mode,
    warn_of_no_render_mode,
)
from smile_bench.envs.grid.family import GridFamily
from smile_bench.envs.grid.rendering import as_text
from smile_bench.envs.grid.simulator import GridSimulator
from smile_bench.envs.registry import get_family
from smile_bench.envs.resets import checked_reset
from smile_bench.errors import InputError, UnknownNameError

__all__ = ["SmileGridEnv"]

RENDER_MODES = ["ansi", "rgb_array"]


class SmileGridEnv(gym.Env[FloatArray, np.int64]):
    """One environment of a gridworld family.

    ## Description
    ``gymnasium.make(ID, split="test", task=3)`` makes it. ``env.unwrapped.task`` is the task of the
    current episode and ``env.unwrapped.family`` the declaration.

    ## Action space
    ``Discrete(5)``: stay, north, east, south, west. With the task's slip probability a random one
    of the five is made instead. A move into a wall or off the map stays.

    ## Observation space
    ``Box(-1e6, 1e6, (cells + 1,), float64)``: 1 for the agent's cell, 0 for the others, then the
    share of the episode that has passed. The task is never part of it.

    ## Rewards
    The weight of the cell in which the step was taken. ``info`` has the column ``x_position`` and
    the row ``y_position``.

    ## Starting state
    Any cell that is not a wall, and a seed that determines all slips of the episode.

    ## Episode end
    Never terminates. Truncated at the family's horizon.

    ## Metrics
    ``info`` has ``episode_return``, the sum of rewards of the episode so far.

    ## Arguments
    Args:
        family: the family's id.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        task: index in the split; None samples a task at each reset.
        render_mode: None, ``"rgb_array"`` or ``"ansi"``, as in Gymnasium's toy-text environments.
        width: of a picture, in pixels.
        height: of a picture, in pixels.

    ``reset(options={"task": i})`` sets the task of one episode, and ``options={"state": s}`` its
    initial state: a cell and a seed of slips. A copy by ``copy.deepcopy`` or ``pickle`` continues
    the episode to the same bits.

    Raises:
        UnknownNameError: no such family, split, task or render mode.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        family: str,
        split: str = "train",
        task: int | None = None,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ) -> None:
        require_render_mode(render_mode, RENDER_MODES)
        found = get_family(family)
        if not isinstance(found, GridFamily):
            raise UnknownNameError(f"{found.id} is not a grid: make it with gymnasium.make.")
        self.family = found
        self.split, self.render_mode = split, render_mode
        self._fixed_task = None if task is None else found.task(split, task)
        self.task = self._fixed_task or found.task(split, 0)
        """The task of the current episode."""
        self.observation_space = cast("spaces.Space[FloatArray]", found.observation_space)
        self.action_space = found.action_space
        self.simulator = GridSimulator(found, 1)
        self._begun = False
        self._renderer = found.make_renderer(
            checked_count("width", width), checked_count("height", height)
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: as in Gymnasium.
            options: ``"task"``, an index in the split; ``"state"``, an initial state.

        Raises:
            UnknownNameError: no such option or task.
            InputError: a seed or a state that does not fit.
        """
        # Checked before anything changes, so that a mistake leaves the episode as it was.
        asked = checked_reset(self.family, self.split, seed, options)
        super().reset(seed=asked.seed)
        task, state = asked.task or self._fixed_task, asked.state
        if task is None:
            sampled = int(self.np_random.integers(len(self.family.table(self.split))))
            task = self.family.task(self.split, sampled)
        self.task = task
        self.simulator.set_tasks(np.array([task.parameters]))
        if state is None:
            state = self.simulator.sample_start(self.np_random, self.simulator.parameters[0])
        self.simulator.reset(state[None])
        self._begun = True
        return self.simulator.observe()[0], self._first(self.simulator.positions())

    def step(
        self, action: np.int64 | int
    ) -> tuple[FloatArray, np.float64, bool, bool, dict[str, Any]]:
        """Take one step.

        Raises:
            InputError: not a move of the family. Nothing has moved.
            ResetNeeded: before the first ``reset``.
        """
        if not self._begun:
            raise ResetNeeded("call reset before step: no episode has begun.")
        if np.ndim(action) != 0:
            raise InputError(f"an action is one integer, got shape {np.shape(action)}.")
        result = self.simulator.step(self.family.action_rows(np.asarray(action)[None], 1))
        observation = self.simulator.observe()[0]
        return observation, result.rewards[0], False, False, self._first(result.info)

    def render(self) -> NDArray[np.uint8] | str | None:
        """The episode as a picture (height, width, 3) or as text; without a mode, a warning."""
        if self.render_mode is None:
            warn_of_no_render_mode(self.family.id, "make")
            return None
        if self.render_mode == "ansi":
            return as_text(self.family.layout, int(self.simulator.cells[0]))
        return self._renderer.draw_slot(self.simulator, 0)

    @staticmethod
    def _first(values: dict[str, FloatArray]) -> dict[str, Any]:
        return {key: array[0] for key, array in values.items()}
