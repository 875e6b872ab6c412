"""The vectorised environment: Gymnasium's vector API over the batched simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.arguments import (
    checked_autoreset_mode,
    checked_count,
    checked_mask,
    checked_options,
    checked_seeds,
    require_render_mode,
    require_reset,
    warn_of_no_render_mode,
)
from smile_bench.envs.family import Task
from smile_bench.envs.registry import get_family
from smile_bench.envs.simulation import Renderer
from smile_bench.envs.vector_info import masked_info, replaced_info, with_final
from smile_bench.envs.vector_tasks import DRAW, checked_tasks, first_tasks, sampled_tasks
from smile_bench.errors import InputError

__all__ = ["SmileVectorEnv"]


RENDER_MODES = ["rgb_array"]
RESET_OPTIONS = ("reset_mask", "states", "tasks")
PICTURE_SIZE = 480
"""Width and height of a picture in pixels, as in Gymnasium's MuJoCo environments."""


class SmileVectorEnv(VectorEnv[FloatArray, NDArray[Any], NDArray[Any]]):
    """N environments of a family, stepped together on native threads.

    Environment ``i`` keeps task ``tasks[i]``, or samples one at each reset if ``tasks`` is
    ``"draw"``. It is seeded ``seed + i``. Observations, rewards and infos equal those of N scalar
    environments to the last bit. A copy by ``copy.deepcopy`` or ``pickle`` continues the episodes
    to the same bits.

    Args:
        family: the family's id.
        num_envs: N.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        tasks: the task index of each environment, which it keeps; or ``"draw"``: each environment
            samples a task of the split at each of its resets, from its own generator, as the scalar
            environment does. By default environment i keeps task i modulo the number of tasks, with
            a warning if there are more tasks than environments.
        autoreset_mode: one of Gymnasium's; next-step by default.
        render_mode: None or ``"rgb_array"``.
        threads: native threads, by default one per available processor.
        max_episode_steps: horizon, by default the family's.
        width: of a picture, in pixels.
        height: of a picture, in pixels.

    ``reset`` takes three options: ``"reset_mask"`` (N,) as in Gymnasium, ``"tasks"`` (N,) to change
    the task of every environment (with ``tasks="draw"``, until its next reset), and ``"states"``
    (N, S) to set the initial states. The masks in infos are read-only and shared between steps.

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
        tasks: Sequence[int] | str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        threads: int | None = None,
        max_episode_steps: int | None = None,
        width: int = PICTURE_SIZE,
        height: int = PICTURE_SIZE,
    ) -> None:
        require_render_mode(render_mode, RENDER_MODES)
        num_envs = checked_count("num_envs", num_envs)
        if max_episode_steps is not None:
            max_episode_steps = checked_count("max_episode_steps", max_episode_steps)
        self.family = get_family(family)
        self.split = split
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.horizon = self.family.horizon if max_episode_steps is None else max_episode_steps
        self.autoreset_mode = checked_autoreset_mode(autoreset_mode)
        self.metadata = {
            "render_modes": RENDER_MODES,
            "render_fps": round(1.0 / self.family.control_seconds),
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.family.observation_space
        self.single_action_space = self.family.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.draws_tasks = isinstance(tasks, str) and tasks == DRAW
        """Whether every reset samples a task."""
        chosen = first_tasks(self.family, split, tasks, num_envs)
        self.simulator: Any = self.family.make_simulator(num_envs, threads=threads)
        """The batched simulator of the family's physics."""
        self._begun: BoolArray = np.zeros(num_envs, np.bool_)
        self._all_begun = False
        self._all: BoolArray = np.ones(num_envs, np.bool_)
        self._all.setflags(write=False)
        self._ended: BoolArray = np.zeros(num_envs, np.bool_)
        self._some_ended = False
        self._generators: list[np.random.Generator] | None = None
        self._seeds: list[int | None] = [None] * num_envs
        self._size = (checked_count("width", width), checked_count("height", height))
        self._renderer: Renderer | None = None
        self._set_tasks(chosen)

    def __getstate__(self) -> dict[str, Any]:
        """All that a copy or a pickle needs to continue to the same bits."""
        return {**self.__dict__, "_renderer": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._all.setflags(write=False)

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """One generator per environment."""
        return tuple(self._rngs())

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each environment's generator."""
        self._rngs()
        return tuple(self._seeds)

    @property
    def task_indices(self) -> IntArray:
        """Index of each environment's task in its split, (N,)."""
        return np.array([task.index for task in self.tasks])

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
            InputError: options or seeds that do not fit. Nothing has changed.
            UnknownNameError: no such option or task. Nothing has changed.
            ClosedEnvironmentError: after ``close``.
        """
        self._require_open()
        # Checked before anything changes, so that a mistake leaves the episodes as they were. The
        # options stay as they are, too: wrappers look at them afterwards.
        options = checked_options(options, RESET_OPTIONS)
        given = options.get("reset_mask")
        mask = self._all if given is None else checked_mask(given, self.num_envs)
        states = options.get("states")
        if states is not None:
            states = self.family.require_states(states, (self.num_envs,))
        tasks = None
        if options.get("tasks") is not None:
            tasks = checked_tasks(self.family, self.split, options["tasks"], self.num_envs)
            if not mask.all():
                raise InputError(
                    "options['tasks'] changes the task of every environment, so reset all of "
                    "them: leave options['reset_mask'] out."
                )
        seeds = checked_seeds(seed, self.num_envs)
        if tasks is not None:
            self._set_tasks(tasks)
        self._seed(seeds, mask)
        info = self._begin(mask, states, draw=self.draws_tasks and tasks is None)
        return self.simulator.observe(), info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Take one control step in every environment.

        Raises:
            InputError: actions of another shape or not finite, or episodes that are over and were
                not reset. Nothing has moved.
            ResetNeeded: environments that were never reset. Nothing has moved.
            ClosedEnvironmentError: after ``close``.
            SimulationError: a state is not finite, or this process is a fork of the one that made
                the environments.
        """
        self._require_open()
        if not self._all_begun:
            require_reset(self._begun)
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
        """A picture (height, width, 3) of every environment; without a render mode, a warning."""
        self._require_open()
        if self.render_mode is None:
            warn_of_no_render_mode(self.family.id, "make_vec")
            return None
        if self._renderer is None:
            self._renderer = self.family.make_renderer(*self._size)
        renderer = self._renderer
        return tuple(renderer.draw_slot(self.simulator, i) for i in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Free the renderer, the physics and its threads."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        close = getattr(self.simulator, "close", None)
        if close is not None:
            close()

    def _require_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError(
                f"these environments are closed: make others with gymnasium.make_vec("
                f"{self.family.id!r}, num_envs={self.num_envs})."
            )

    def _set_tasks(self, tasks: tuple[Task, ...]) -> None:
        self.simulator.set_tasks(np.array([task.parameters for task in tasks]))
        self.tasks: tuple[Task, ...] = tasks
        """The task of each environment's episode."""

    def _rngs(self) -> list[np.random.Generator]:
        if self._generators is None:
            seeded = [seeding.np_random() for _ in range(self.num_envs)]
            self._generators = [generator for generator, _ in seeded]
            self._seeds = [seed for _, seed in seeded]
        return self._generators

    def _seed(self, seeds: list[int | None], mask: BoolArray) -> None:
        generators = self._rngs()
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                generators[i], self._seeds[i] = seeding.np_random(seeds[i])

    def _begin(
        self, mask: BoolArray, states: FloatArray | None = None, *, draw: bool | None = None
    ) -> dict[str, Any]:
        """Reset the environments of a mask; return their infos.

        Args:
            mask: the environments, (N,).
            states: initial states, (N, S); sampled by default.
            draw: whether to sample tasks; by default as the environments were made.
        """
        ids = np.flatnonzero(mask)
        generators = self._rngs()
        if self.draws_tasks if draw is None else draw:
            self._set_tasks(sampled_tasks(self.family, self.tasks, generators, ids.tolist()))
        if states is None:
            parameters = self.simulator.parameters
            chosen = np.stack(
                [self.simulator.sample_start(generators[i], parameters[i]) for i in ids]
            )
        else:
            chosen = states[ids]
        self.simulator.reset(chosen, ids)
        self._begun = self._begun | mask
        self._all_begun = bool(self._begun.all())
        self._ended = self._ended & ~mask
        self._some_ended = bool(self._ended.any())
        return masked_info(self.simulator.positions(), mask, everywhere=mask is self._all)
