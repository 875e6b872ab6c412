"""The vectorised environment: Gymnasium's vector API over the batched simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils import EzPickle, seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray
from smile_bench.envs.family import Task
from smile_bench.envs.registry import get_family
from smile_bench.envs.simulation import Renderer
from smile_bench.envs.vector_info import masked_info, replaced_info, with_final
from smile_bench.errors import InputError, UnknownNameError, require_known, suggestion

__all__ = ["SmileVectorEnv"]


RENDER_MODES = ["rgb_array"]
RESET_OPTIONS = ("reset_mask", "states", "tasks")
PICTURE_SIZE = 480
"""Width and height of a picture in pixels, as in Gymnasium's MuJoCo environments."""


class SmileVectorEnv(VectorEnv[FloatArray, NDArray[Any], NDArray[Any]], EzPickle):
    """N environments of a family, stepped together on native threads.

    Environment ``i`` keeps task ``tasks[i]`` and is seeded ``seed + i``; observations, rewards and
    infos equal those of N scalar environments to the last bit.

    Args:
        family: the family's id.
        num_envs: N.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        tasks: the task index of each environment; by default i modulo the number of tasks.
        autoreset_mode: one of Gymnasium's; next-step by default.
        render_mode: None or ``"rgb_array"``.
        threads: native threads, by default one per available processor.
        max_episode_steps: horizon, by default the family's.
        width: of a picture, in pixels.
        height: of a picture, in pixels.

    ``reset`` takes three options: ``"reset_mask"`` (N,) as in Gymnasium, ``"tasks"`` (N,) to change
    the task of every environment, and ``"states"`` (N, S) to set the initial states. The masks in
    infos are read-only and shared between steps.

    Raises:
        UnknownNameError: no such family, split, task, autoreset or render mode.
        InputError: an argument out of range.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES}  # noqa: RUF012 (as in SmileEnv)

    def __init__(
        self,
        family: str,
        num_envs: int = 1,
        split: str = "train",
        tasks: Sequence[int] | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        threads: int | None = None,
        max_episode_steps: int | None = None,
        width: int = PICTURE_SIZE,
        height: int = PICTURE_SIZE,
    ) -> None:
        EzPickle.__init__(
            self,
            family,
            num_envs,
            split,
            tasks,
            autoreset_mode,
            render_mode,
            threads,
            max_episode_steps,
            width,
            height,
        )
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise UnknownNameError(
                f"unknown render_mode {render_mode!r}. {suggestion(render_mode, RENDER_MODES)}"
            )
        modes = [mode.value for mode in AutoresetMode]
        if autoreset_mode not in (*AutoresetMode, *modes):
            raise UnknownNameError(
                f"unknown autoreset_mode {autoreset_mode!r}. {suggestion(autoreset_mode, modes)}"
            )
        if max_episode_steps is not None and max_episode_steps < 1:
            raise InputError(f"max_episode_steps must be at least 1, got {max_episode_steps}.")
        self.family = get_family(family)
        self.split = split
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.horizon = self.family.horizon if max_episode_steps is None else max_episode_steps
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": RENDER_MODES,
            "render_fps": round(1.0 / self.family.control_seconds),
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.family.observation_space
        self.single_action_space = self.family.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.simulator: Any = self.family.make_simulator(num_envs, threads=threads)
        """The batched simulator of the family's physics."""
        self._all: BoolArray = np.ones(num_envs, np.bool_)
        self._all.setflags(write=False)
        self._ended: BoolArray = np.zeros(num_envs, np.bool_)
        self._some_ended = False
        self._generators: list[np.random.Generator] | None = None
        self._seeds: list[int | None] = [None] * num_envs
        self._size = (width, height)
        self._renderer: Renderer | None = None
        if tasks is None:
            tasks = [i % len(self.family.table(split)) for i in range(num_envs)]
        self._set_tasks(tasks)

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """One generator per environment."""
        return tuple(self._rngs())

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each environment's generator."""
        self._rngs()
        return tuple(self._seeds)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: None, an int (environment i gets ``seed + i``), or one seed per environment.
            options: see the class.

        Raises:
            InputError: options or seeds that do not fit.
            UnknownNameError: no such option or task.
        """
        # Read without changing it: wrappers look at the same options afterwards.
        options = options or {}
        require_known("reset option", options, RESET_OPTIONS)
        mask = self._checked_mask(options.get("reset_mask"))
        tasks, states = options.get("tasks"), options.get("states")
        if states is not None:
            states = self.family.require_states(states, (self.num_envs,))
        if tasks is not None:
            if not mask.all():
                raise InputError(
                    "options['tasks'] changes the task of every environment, so reset all of "
                    "them: leave options['reset_mask'] out."
                )
            self._set_tasks(tasks)
        self._seed(seed, mask)
        info = self._begin(mask, states)
        return self.simulator.observe(), info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Take one control step in every environment.

        Raises:
            InputError: actions of another shape or not finite, or episodes that are over and were
                not reset. Nothing has moved.
            SimulationError: a state is not finite.
        """
        actions = self.family.action_rows(actions, self.num_envs)
        simulator = self.simulator
        # In next-step mode these are reset now, and their actions do not matter.
        ended = self._ended if self._some_ended else None
        if ended is None:
            result = simulator.step(actions)
        elif self.autoreset_mode is AutoresetMode.DISABLED:
            raise InputError(
                f"episodes {np.flatnonzero(ended).tolist()} are over and autoreset is disabled: "
                "reset them first, with options={'reset_mask': mask}."
            )
        else:
            actions = np.where(ended[:, None], 0.0, actions)
            result = simulator.step(actions, active=~ended)
        rewards = result.rewards
        truncations = simulator.steps >= self.horizon
        info = masked_info(result.info, self._all, everywhere=True)
        if ended is not None:
            rewards[ended], truncations[ended] = 0.0, False
            info = replaced_info(info, self._begin(ended), ended, self._all)
        self._ended, self._some_ended = truncations, bool(np.count_nonzero(truncations))
        if self._some_ended and self.autoreset_mode is AutoresetMode.SAME_STEP:
            info = with_final(info, simulator.observe(), truncations)
            info = replaced_info(info, self._begin(truncations), truncations, self._all)
        terminations = np.zeros(self.num_envs, np.bool_)
        return simulator.observe(), rewards, terminations, truncations.copy(), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A picture (height, width, 3) of every environment, or None without a render mode."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            self._renderer = self.family.make_renderer(*self._size)
        renderer = self._renderer
        return tuple(renderer.draw_slot(self.simulator, i) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _set_tasks(self, tasks: Sequence[int]) -> None:
        if np.ndim(tasks) != 1:
            raise InputError(
                f"tasks must be a sequence of {self.num_envs} indices, one per environment, "
                f"got {tasks!r}."
            )
        if len(tasks) != self.num_envs:
            raise InputError(
                f"tasks must name one task for each of {self.num_envs} environments, "
                f"got {len(tasks)}."
            )
        self.tasks: tuple[Task, ...] = tuple(self.family.task(self.split, index) for index in tasks)
        self.simulator.set_tasks(np.array([task.parameters for task in self.tasks]))

    def _rngs(self) -> list[np.random.Generator]:
        if self._generators is None:
            seeded = [seeding.np_random() for _ in range(self.num_envs)]
            self._generators = [generator for generator, _ in seeded]
            self._seeds = [seed for _, seed in seeded]
        return self._generators

    def _seed(self, seed: int | Sequence[int | None] | None, mask: BoolArray) -> None:
        if seed is None:
            return
        if isinstance(seed, (int, np.integer)):
            seeds: list[int | None] = [int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InputError(f"give {self.num_envs} seeds or one, got {len(seeds)}.")
        generators = self._rngs()
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                generators[i], self._seeds[i] = seeding.np_random(seeds[i])

    def _begin(self, mask: BoolArray, states: FloatArray | None = None) -> dict[str, Any]:
        """Reset the environments of a mask; return their infos."""
        ids = np.flatnonzero(mask)
        if states is None:
            generators = self._rngs()
            parameters = self.simulator.parameters
            chosen = np.stack(
                [self.simulator.sample_start(generators[i], parameters[i]) for i in ids]
            )
        else:
            chosen = states[ids]
        self.simulator.reset(chosen, ids)
        self._ended = self._ended & ~mask
        self._some_ended = bool(self._ended.any())
        return masked_info(self.simulator.positions(), mask, everywhere=mask is self._all)

    def _checked_mask(self, mask: Any) -> BoolArray:
        if mask is None:
            return self._all
        shape = (self.num_envs,)
        if (
            not isinstance(mask, np.ndarray)
            or mask.dtype != np.bool_
            or mask.shape != shape
            or not mask.any()
        ):
            raise InputError(
                f"options['reset_mask'] must be a NumPy array of bool of shape {shape} with at "
                f"least one True, got {mask!r}."
            )
        return mask
