"""The batched simulator: many episodes of a family stepped together on native threads."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.arguments import checked_count
from smile_bench.envs.declaration import require_metrics
from smile_bench.envs.mujoco.checks import require_actions, require_stable
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.mujoco.library import mujoco
from smile_bench.envs.mujoco.pool import Pool
from smile_bench.envs.simulation import StepResult, require_begun
from smile_bench.errors import InputError

__all__ = ["Simulator", "available_threads"]

_NATIVE = ("nominal", "_pool", "_models", "qpos", "qvel", "_control", "_warnings")
"""Attributes that are made again in a copy, because they are MuJoCo's or views of its memory."""


def available_threads() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Simulator:
    """N episodes of a family, stepped in lockstep by ``mujoco.batch``.

    Bit-equal to N scalar environments from the same initial states and actions, because each
    episode keeps MuJoCo's whole integration state, the solver's warm start included.

    Args:
        family: what to simulate.
        num_envs: N.
        threads: native threads, by default one per available processor.

    Raises:
        InputError: a number below 1.
        SimulationError: the installed Gymnasium has another model file.
    """

    def __init__(self, family: MujocoFamily, num_envs: int, *, threads: int | None = None) -> None:
        num_envs = checked_count("num_envs", num_envs)
        if threads is not None:
            threads = checked_count("threads", threads, " or None for all")
        self.family = family
        self.num_envs = num_envs
        self.parameters: FloatArray = np.zeros((num_envs, len(family.parameter_names)))
        self.episode: FloatArray = np.zeros((num_envs, family.episode_size))
        # Not a number until an episode begins: zero would be the best value of some metrics.
        self.metric_state: FloatArray = np.full((num_envs, family.metric_state_size), np.nan)
        self.steps: IntArray = np.zeros(num_envs, np.int64)
        self._begun: BoolArray = np.zeros(num_envs, np.bool_)
        self._all_begun = False
        self._has_tasks = False
        self._threads = threads
        self._action_shape = (num_envs, family.body.actions)
        self._open()

    def _open(self) -> None:
        """Compile the model and start the threads."""
        model = self.nominal = self.family.body.compile(self.family.markers)
        self._default: tuple[FloatArray, FloatArray] = (model.qpos0.copy(), np.zeros(model.nv))
        threads = available_threads() if self._threads is None else self._threads
        self._pool: Pool | None = Pool(model, self.num_envs, threads)
        self._models: dict[bytes, mujoco.MjModel] = {}
        batch = self._pool.memory
        self.qpos: FloatArray = batch.bind("qpos")
        """Live positions (N, nq)."""
        self.qvel: FloatArray = batch.bind("qvel")
        """Live velocities (N, nv)."""
        self._control: FloatArray = batch.bind("ctrl")
        # Of each kind of warning MuJoCo keeps the last subject and the count.
        self._warnings: NDArray[np.int32] = batch.warning[:, :, 1]

    @property
    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise InputError(
                f"this simulator of {self.family.id} is closed: make another one with "
                "make_simulator."
            )
        return self._pool

    def close(self) -> None:
        """Free the physics and its threads. What has been simulated can still be read."""
        if self._pool is not None:
            self._pool, self._models = None, {}
            self.qpos, self.qvel = self.qpos.copy(), self.qvel.copy()
            self._control, self._warnings = self._control.copy(), self._warnings.copy()

    def __getstate__(self) -> dict[str, Any]:
        """All that a copy or a pickle needs to continue to the same bits.

        Raises:
            InputError: the simulator is closed.
        """
        batch = self._open_pool.memory
        state = {name: value for name, value in self.__dict__.items() if name not in _NATIVE}
        return {**state, "rows": batch.state.copy(), "warnings": batch.warning.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        rows, warnings = state.pop("rows"), state.pop("warnings")
        self.__dict__.update(state)
        self._open()
        batch = self._open_pool.memory
        batch.state[:], batch.warning[:] = rows, warnings
        if self._has_tasks:
            self._set_models()

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""
        return self.steps.astype(np.float64) * self.family.body.dt

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task. Reset those whose task is another one.

        Args:
            parameters: (N, P).

        Raises:
            InputError: parameters of another shape, or the simulator is closed.
            SimulationError: this process is a fork of the one that made the simulator.
        """
        parameters = np.asarray(parameters, np.float64)
        if parameters.shape != self.parameters.shape:
            raise InputError(
                f"task parameters must have shape {self.parameters.shape}, got {parameters.shape}."
            )
        _ = self._open_pool.batch  # Refuses, before anything has changed.
        self.parameters = parameters.copy()
        self._has_tasks = True
        self._set_models()

    def _set_models(self) -> None:
        """Give every environment the dynamics of its task."""
        if not self.family.varies_dynamics:
            return
        before, self._models = self._models, {}
        keys = [row.tobytes() for row in self.parameters]
        for key, row in zip(keys, self.parameters, strict=True):
            if key not in self._models:
                kept = before.get(key)
                task_model = self.family.task_model
                self._models[key] = task_model(self.nominal, row) if kept is None else kept
        self._open_pool.batch.set_models([self._models[key] for key in keys])

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Sample an initial state (S,) for task parameters (P,)."""
        return self.family.sample_start(rng, parameters, *self._default)

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin episodes.

        Args:
            states: initial states, (len(ids), S).
            ids: which environments, sorted; all by default.

        Raises:
            InputError: states of another shape or not finite, or the simulator is closed.
            SimulationError: this process is a fork of the one that made the simulator.
        """
        where = np.arange(self.num_envs) if ids is None else ids
        states = self.family.require_states(states, where.shape)
        batch = self._open_pool.batch
        qpos, qvel, episode = self.family.split_state(states)
        batch.reset(where, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self.qpos[where], self.qvel[where], self.episode[where] = qpos, qvel, episode
        batch.forward(where)
        batch.warning[where] = 0
        self.steps[where] = 0
        self._begun[where] = True
        self._all_begun = bool(self._begun.all())
        self.metric_state[where] = self.family.initial_metrics(
            self.qpos[where], self.parameters[where], self.episode[where]
        )

    def observe(self) -> FloatArray:
        """Observations (N, observation_size), a new array."""
        return self.family.observe(self.qpos, self.qvel, self.parameters, self.episode)

    def positions(self) -> dict[str, FloatArray]:
        """Gymnasium's position keys of ``info``, each (N,)."""
        return self.family.positions(self.qpos)

    def state(self) -> FloatArray:
        """Positions and velocities, (N, nq + nv), a new array."""
        return np.concatenate((self.qpos, self.qvel), axis=1)

    def set_state(self, states: FloatArray) -> None:
        """Give every episode positions and velocities (N, nq + nv).

        Metrics so far, steps taken and the solver's warm start stay.

        Raises:
            InputError: another shape, or not finite.
        """
        nq, nv = self.qpos.shape[1], self.qvel.shape[1]
        if states.shape != (self.num_envs, nq + nv) or not np.isfinite(states).all():
            raise InputError(
                f"states of {self.family.id} are {nq} positions and {nv} velocities, finite, here "
                f"{(self.num_envs, nq + nv)}; got shape {states.shape}."
            )
        self.qpos[:], self.qvel[:] = states[:, :nq], states[:, nq:]

    def snapshot(self) -> FloatArray:
        """Everything that continues the episodes but the solver's warm start, (N, Z).

        These are positions, velocities, what was sampled for the episode, the metric state and the
        steps taken.
        """
        columns = (self.qpos, self.qvel, self.episode, self.metric_state, self.steps[:, None])
        return np.hstack([column.astype(np.float64) for column in columns])

    def restore(self, snapshot: FloatArray) -> None:
        """Continue all episodes from what :meth:`snapshot` returned.

        The tasks must be those of the snapshot. The solver starts cold, so that the last bits of
        later states can differ from those of the uninterrupted episodes.

        Raises:
            InputError: positions or velocities that are not finite, or another number of rows.
        """
        size = self.family.state_size
        self.reset(snapshot[:, :size])
        self.metric_state[:] = snapshot[:, size:-1]
        self.steps[:] = snapshot[:, -1]

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> StepResult:
        """Take one control step.

        Args:
            actions: (N, nu), in [-1, 1].
            active: which environments (N,) take the step, all by default. The others keep their
                state, and their rows of the result mean nothing.

        Raises:
            InputError: actions of another shape or not finite, episodes that have not begun, or
                the simulator is closed (nothing has moved); or an info without a declared metric.
            SimulationError: a state is not finite, or this process is a fork of the one that made
                the simulator.
        """
        batch = self._open_pool.batch
        if not self._all_begun:
            require_begun(self._begun, active)
        require_actions(actions, self._action_shape)
        self._control[:] = actions
        before = self.qpos.copy()
        frame_skip = self.family.body.frame_skip
        if active is None:
            batch.step(nstep=frame_skip)
            self.steps += 1
            steps = self.steps
        else:
            batch.step(np.flatnonzero(active), nstep=frame_skip)
            self.steps += active
            # A mean over the steps of an episode that has not begun would divide by zero.
            steps = np.maximum(self.steps, 1)
        if np.count_nonzero(self._warnings):
            require_stable(self.family, self._warnings, self.steps)
        result = self.family.reward_and_info(
            ControlStep(
                before,
                self.qpos,
                self._control,
                self.parameters,
                self.episode,
                self.metric_state,
                steps,
            )
        )
        require_metrics(self.family.id, self.family.metrics, result.info)
        # A copy, because the next reset writes into it and infos may share its memory.
        self.metric_state = result.metric_state.copy()
        return result
