"""The vectorised environment: Gymnasium's vector API over the batched simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer
from gymnasium.utils import EzPickle, seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.envs.env import observation_space, place_markers
from smile_bench.envs.family import FloatArray, Task
from smile_bench.envs.registry import get_family
from smile_bench.envs.simulator import Simulator

__all__ = ["SmileVectorEnv"]

BoolArray = NDArray[np.bool_]


class SmileVectorEnv(VectorEnv[FloatArray, NDArray[Any], NDArray[Any]], EzPickle):
    """N environments of a family, stepped together on native threads.

    Environment ``i`` keeps task ``tasks[i]`` and is seeded ``seed + i``; observations, rewards and
    infos equal those of N scalar environments to the last bit.

    Args:
        family: the family's id.
        num_envs: N.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        tasks: the task index of each environment, by default i modulo the number of tasks.
        autoreset_mode: one of Gymnasium's; next-step by default.
        render_mode: None or ``"rgb_array"``.
        threads: native threads, by default one per available processor.
        max_episode_steps: horizon, by default the family's.

    ``reset`` takes the options ``"reset_mask"`` (N,) as Gymnasium, ``"tasks"`` (N,) to change every
    task, and ``"states"`` (N, S) for the initial states.

    Raises:
        UnknownNameError: no such family, split or task.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

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
        )
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"unknown render_mode {render_mode!r}; known: None, 'rgb_array'.")
        self.family = get_family(family)
        self.split = split
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.horizon = max_episode_steps or self.family.horizon
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        body = self.family.body
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": round(1.0 / body.dt),
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = observation_space(self.family)
        self.single_action_space = spaces.Box(-1.0, 1.0, (body.actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.simulator = Simulator(self.family, num_envs, threads=threads)
        self._all: BoolArray = np.ones(num_envs, np.bool_)
        self._all.setflags(write=False)
        self._done: BoolArray = np.zeros(num_envs, np.bool_)
        self._generators: list[np.random.Generator] | None = None
        self._seeds: list[int | None] = [None] * num_envs
        self._renderer: MujocoRenderer | None = None
        if tasks is None:
            tasks = [i % len(self.family.table(split)) for i in range(num_envs)]
        self._set_tasks(tasks)

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """One generator an environment."""
        return tuple(self._rngs())

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each environment's generator."""
        self._rngs()
        return tuple(self._seeds)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,  # type: ignore[override]
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: None, an int (environment i gets ``seed + i``), or one seed an environment.
            options: see the class.

        Raises:
            ValueError: options or seeds that do not fit.
            UnknownNameError: no such task.
        """
        options = dict(options or {})
        mask = self._checked_mask(options.pop("reset_mask", None))
        tasks, states = options.pop("tasks", None), options.pop("states", None)
        if options:
            raise ValueError(
                f"unknown reset options {sorted(options)}; known: 'reset_mask', 'states', 'tasks'."
            )
        if states is not None:
            states = np.asarray(states, np.float64)
            if states.shape != (self.num_envs, self.family.state_size):
                raise ValueError(
                    f"options['states'] must have shape "
                    f"{(self.num_envs, self.family.state_size)}, got {states.shape}."
                )
        if tasks is not None:
            if not mask.all():
                raise ValueError("options['tasks'] needs every environment to be reset.")
            self._set_tasks(tasks)
        self._seed(seed, mask)
        info = self._begin(mask, states)
        return self.simulator.observe(), info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Take one control step in every environment.

        Raises:
            ValueError: actions of another shape, or episodes over that were not reset.
            SimulationError: a state or an action is not finite.
        """
        actions = np.asarray(actions)
        ended = self._done
        some_ended = bool(ended.any())
        if some_ended:
            if self.autoreset_mode is AutoresetMode.DISABLED:
                raise ValueError(
                    f"episodes {np.flatnonzero(ended).tolist()} are over and autoreset is "
                    "disabled: reset them with options={'reset_mask': mask} first."
                )
            # Next-step mode: these are reset below, whatever the action.
            actions = np.where(ended[:, None], 0.0, actions)
        outcome = self.simulator.step(actions)
        truncations = self.simulator.steps >= self.horizon
        rewards = outcome.rewards
        info = self._with_masks(outcome.info, self._all)
        if some_ended:
            rewards[ended], truncations[ended] = 0.0, False
            info = self._merge(info, self._begin(ended), ended)
        self._done = truncations
        if self.autoreset_mode is AutoresetMode.SAME_STEP and truncations.any():
            final = self.simulator.observe()
            info = self._final(info, final, truncations)
            fresh = self._begin(truncations)
            info = self._merge(info, fresh, truncations)
        terminations = np.zeros(self.num_envs, np.bool_)
        return self.simulator.observe(), rewards, terminations, truncations.copy(), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A frame (height, width, 3) of every environment, or None without a render mode."""
        if self.render_mode is None:
            return None
        simulator, family = self.simulator, self.family
        frames = []
        for i in range(self.num_envs):
            data = mujoco.MjData(simulator.nominal)
            model = simulator.copy_into(data, i)
            parameters, episode = simulator.parameters[i], simulator.episode[i]
            place_markers(family, model, parameters, episode, float(simulator.time[i]))
            mujoco.mj_forward(model, data)
            camera = dict(family.body.camera)
            renderer = MujocoRenderer(
                model, data, camera or None, camera_id=-1 if camera else None
            )
            frames.append(renderer.render("rgb_array"))
            renderer.close()
        return tuple(frames)

    def _set_tasks(self, tasks: Sequence[int]) -> None:
        if len(tasks) != self.num_envs:
            raise ValueError(
                f"tasks must name one task for each of {self.num_envs} environments, "
                f"got {len(tasks)}."
            )
        self.tasks: tuple[Task, ...] = tuple(
            self.family.task(self.split, int(index)) for index in tasks
        )
        self.simulator.set_tasks(np.array([task.parameters for task in self.tasks]))

    def _rngs(self) -> list[np.random.Generator]:
        if self._generators is None:
            drawn = [seeding.np_random() for _ in range(self.num_envs)]
            self._generators = [generator for generator, _ in drawn]
            self._seeds = [seed for _, seed in drawn]
        return self._generators

    def _seed(self, seed: int | Sequence[int | None] | None, mask: BoolArray) -> None:
        if seed is None:
            return
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"give {self.num_envs} seeds or one, got {len(seeds)}.")
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
                [self.simulator.draw_start(generators[i], parameters[i]) for i in ids]
            )
        else:
            chosen = states[ids]
        self.simulator.reset(chosen, ids)
        self._done = self._done & ~mask
        return self._with_masks(self.family.positions(self.simulator.qpos), mask)

    def _checked_mask(self, mask: Any) -> BoolArray:
        if mask is None:
            return self._all
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError("options['reset_mask'] must be a NumPy array of bool.")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"options['reset_mask'] must have shape ({self.num_envs},) and a True value."
            )
        return mask

    def _with_masks(self, values: dict[str, FloatArray], mask: BoolArray) -> dict[str, Any]:
        """Gymnasium's form of vector infos: zeros outside the mask, ``_key`` tells where."""
        full = mask is self._all or bool(mask.all())
        info: dict[str, Any] = {}
        for key, array in values.items():
            info[key] = array if full else np.where(mask, array, 0.0)
            info[f"_{key}"] = mask
        return info

    def _merge(
        self, stepped: dict[str, Any], fresh: dict[str, Any], mask: BoolArray
    ) -> dict[str, Any]:
        """Replace the infos of the environments in a mask by those of their reset."""
        merged = {}
        for key, array in stepped.items():
            if key.startswith(("_", "final_")):
                continue
            kept = ~mask
            if key in fresh:
                merged[key], merged[f"_{key}"] = np.where(mask, fresh[key], array), self._all
            elif kept.any():
                merged[key], merged[f"_{key}"] = np.where(mask, 0.0, array), kept
        for key in ("final_obs", "_final_obs", "final_info", "_final_info"):
            if key in stepped:
                merged[key] = stepped[key]
        return merged

    def _final(
        self, info: dict[str, Any], observations: FloatArray, mask: BoolArray
    ) -> dict[str, Any]:
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(mask):
            final_obs[i] = observations[i]
        values = {key: array for key, array in info.items() if not key.startswith("_")}
        return {
            **info,
            "final_obs": final_obs,
            "_final_obs": mask.copy(),
            "final_info": self._with_masks(values, mask.copy()),
            "_final_info": mask.copy(),
        }
