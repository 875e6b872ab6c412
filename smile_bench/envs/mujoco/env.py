"""The scalar environment: one episode at a time, in the manner of Gymnasium's MuJoCo ``v5``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs.arguments import (
    as_array,
    checked_count,
    require_render_mode,
    warn_of_no_render_mode,
)
from smile_bench.envs.declaration import require_metrics
from smile_bench.envs.family import Task
from smile_bench.envs.mujoco.checks import require_actions, require_stable
from smile_bench.envs.mujoco.family import ControlStep
from smile_bench.envs.mujoco.library import MujocoEnv, mujoco
from smile_bench.envs.mujoco.opengl import opengl_errors, prepare_viewer
from smile_bench.envs.mujoco.rendering import camera_options, fit_offscreen_buffer, place_markers
from smile_bench.envs.registry import get_mujoco_family
from smile_bench.envs.resets import checked_reset

__all__ = ["SmileEnv"]

RENDER_MODES = ["human", "rgb_array", "depth_array", "rgbd_tuple"]
_MADE_AGAIN = ("family", "mujoco_renderer", "_nominal", "_tasks")
"""Attributes that follow from the arguments, so that a copy need not hold them."""


class SmileEnv(MujocoEnv, EzPickle):
    """One environment of a family over a MuJoCo body.

    ## Description
    ``gymnasium.make(ID, split="test", task=3)`` makes it. ``env.unwrapped.task`` is the task of the
    current episode and ``env.unwrapped.family`` the declaration. The pages of the families say what
    each adds.

    ## Action space
    ``Box(-1, 1, (nu,), float32)``: normalised torques. MuJoCo clamps larger finite actions; rewards
    count them unclamped.

    ## Observation space
    ``Box(-1e6, 1e6, (observation_size,), float64)``: the body's positions and velocities, and what
    the family adds. The task is never part of it.

    ## Rewards
    The task reward of the family. ``info`` has the keys of Gymnasium's ``v5`` environment.

    ## Starting state
    As in Gymnasium's ``v5`` environment of the body, but an ant's torso starts at x = y = 0.

    ## Episode end
    Never terminates. Truncated at the family's horizon.

    ## Metrics
    ``info`` has each metric of the family under its name, as it stands in the episode so far.

    ## Arguments
    Args:
        family: the family's id.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        task: index in the split; None samples a task at each reset.
        render_mode: None, ``"human"``, ``"rgb_array"``, ``"depth_array"`` or ``"rgbd_tuple"``.
        **kwargs: rendering options of :class:`gymnasium.envs.mujoco.MujocoEnv`.

    ``reset(options={"task": i})`` sets the task of one episode, and ``options={"state": s}`` its
    initial state: positions, velocities and what the family samples for an episode. A copy by
    ``copy.deepcopy`` or ``pickle`` continues the episode to the same bits.

    Raises:
        UnknownNameError: no such family, split, task or render mode.
    """

    # Not a ClassVar: Gymnasium reads it from the class, and each body sets its own frame rate.
    metadata: dict[str, Any] = {"render_modes": RENDER_MODES}  # noqa: RUF012

    def __init__(
        self,
        family: str,
        split: str = "train",
        task: int | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        EzPickle.__init__(self, family, split, task, render_mode, **kwargs)
        require_render_mode(render_mode, RENDER_MODES)
        for name in kwargs.keys() & {"width", "height"}:
            checked_count(name, kwargs[name])
        self.family = get_mujoco_family(family)
        self.split = split
        self._tasks = self.family.table(split)
        self._fixed_task = None if task is None else self.family.task(split, task)
        self.task = self._fixed_task or self.family.task(split, 0)
        """The task of the current episode."""
        body = self.family.body
        self.metadata = {
            "render_modes": RENDER_MODES,
            "render_fps": round(1.0 / body.dt),
        }
        if not kwargs.keys() & {"camera_id", "camera_name", "default_camera_config"}:
            kwargs |= camera_options(body)
        super().__init__(
            body.asset,
            body.frame_skip,
            self.family.observation_space,
            render_mode=render_mode,
            **kwargs,
        )
        self._steps = np.zeros(1, np.int64)
        self._begun = False
        # Not a number until an episode begins: zero would be the best value of some metrics.
        self._metric_state: FloatArray = np.full((1, self.family.metric_state_size), np.nan)
        self._episode: FloatArray = np.zeros((1, self.family.episode_size))

    def __getstate__(self) -> dict[str, Any]:
        """The arguments, and all that a copy or a pickle needs to continue to the same bits."""
        return {name: value for name, value in self.__dict__.items() if name not in _MADE_AGAIN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, *state["_ezpickle_args"], **state["_ezpickle_kwargs"])
        self.__dict__.update(state)
        self.mujoco_renderer.model, self.mujoco_renderer.data = self.model, self.data

    def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
        self._nominal = self.family.body.compile(self.family.markers)
        model = self.family.task_model(self._nominal, self._parameters[0])
        fit_offscreen_buffer(model, self.width, self.height)
        return model, mujoco.MjData(model)

    @property
    def _parameters(self) -> FloatArray:
        return np.array([self.task.parameters], np.float64)

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
        self._asked = checked_reset(self.family, self.split, seed, options)
        self._begun = True
        observation, info = super().reset(seed=self._asked.seed)
        return observation, info

    def reset_model(self) -> FloatArray:
        """Choose the task and the initial state; ``reset`` calls it."""
        task, state = self._asked.task or self._fixed_task, self._asked.state
        if task is None:
            index = int(self.np_random.integers(len(self._tasks)))
            task = self.family.task(self.split, index)
        self._change_task(task)
        parameters = self._parameters
        if state is None:
            state = self.family.sample_start(
                self.np_random, parameters[0], self.init_qpos, self.init_qvel
            )
        qpos, qvel, episode = self.family.split_state(state)
        self.set_state(qpos, qvel)  # type: ignore[no-untyped-call]
        self._episode = episode[None].copy()
        self._steps[:] = 0
        self._metric_state = self.family.initial_metrics(qpos[None], parameters, self._episode)
        self._place_markers()
        return self._observe()

    def step(
        self, action: Float32Array
    ) -> tuple[FloatArray, np.float64, bool, bool, dict[str, Any]]:
        """Take one control step.

        Raises:
            InputError: an action of another shape or not finite (nothing has moved), or an info
                without a declared metric.
            ResetNeeded: before the first ``reset``.
            SimulationError: the state is not finite.
        """
        if not self._begun:
            raise ResetNeeded("call reset before step: no episode has begun.")
        require_actions(as_array("actions", action), (self.family.body.actions,))
        before = self.data.qpos[None].copy()
        self.do_simulation(action, self.frame_skip)
        self._steps += 1
        counters = self.data.warning.number[None]
        require_stable(self.family, counters, self._steps)
        result = self.family.reward_and_info(
            ControlStep(
                before,
                self.data.qpos[None],
                self.data.ctrl[None],
                self._parameters,
                self._episode,
                self._metric_state,
                self._steps,
            )
        )
        require_metrics(self.family.id, self.family.metrics, result.info)
        self._metric_state = result.metric_state
        self._place_markers()
        if self.render_mode == "human":
            self.render()
        info = {key: values[0] for key, values in result.info.items()}
        return self._observe(), result.rewards[0], False, False, info

    def render(self) -> Any:
        """What the render mode says; without one, a warning and None."""
        if self.render_mode is None:
            warn_of_no_render_mode(self.family.id, "make")
            return None
        prepare_viewer(self.mujoco_renderer, self.render_mode)
        with opengl_errors():
            return super().render()  # type: ignore[no-untyped-call]

    def _step_mujoco_simulation(self, ctrl: NDArray[Any], n_frames: int) -> None:
        self.data.ctrl[:] = ctrl
        mujoco.mj_step(self.model, self.data, nstep=n_frames)

    def _change_task(self, task: Task) -> None:
        if task == self.task:
            return
        self.task = task
        # In place, because the renderer keeps the model.
        self.family.change_model(self.model, self._nominal, self._parameters[0])

    def _observe(self) -> FloatArray:
        observation: FloatArray = self.family.observe(
            self.data.qpos[None], self.data.qvel[None], self._parameters, self._episode
        )[0]
        return observation

    def _place_markers(self) -> None:
        if self.render_mode is not None:
            time = float(self._steps[0]) * self.family.body.dt
            place_markers(
                self.family, self.model, self.data, self._parameters[0], self._episode[0], time
            )

    def _get_reset_info(self) -> dict[str, Any]:
        positions = self.family.positions(self.data.qpos[None])
        return {key: values[0] for key, values in positions.items()}
