"""The batched simulator: many episodes of a family stepped together on native threads."""

from __future__ import annotations

import os
from typing import Any

import mujoco
import mujoco.batch
import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.declaration import require_metrics
from smile_bench.envs.mujoco.checks import require_actions, require_stable
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.simulation import StepResult
from smile_bench.errors import InputError

__all__ = ["Simulator", "available_threads"]


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
        if num_envs < 1:
            raise InputError(f"num_envs must be at least 1, got {num_envs}.")
        if threads is None:
            threads = available_threads()
        if threads < 1:
            raise InputError(f"threads must be at least 1 or None for all, got {threads}.")
        self.family = family
        self.num_envs = num_envs
        body = family.body
        model = self.nominal = body.compile(family.markers)
        self._default: tuple[FloatArray, FloatArray] = (model.qpos0.copy(), np.zeros(model.nv))
        self._batch = mujoco.batch.Batch(model, num_envs, min(threads, num_envs))
        self.qpos: FloatArray = self._batch.bind("qpos")
        """Live positions (N, nq)."""
        self.qvel: FloatArray = self._batch.bind("qvel")
        """Live velocities (N, nv)."""
        self._control = self._batch.bind("ctrl")
        # Of each kind of warning MuJoCo keeps the last subject and the count.
        self._warnings: NDArray[np.int32] = self._batch.warning[:, :, 1]
        self.parameters: FloatArray = np.zeros((num_envs, len(family.parameter_names)))
        self.episode: FloatArray = np.zeros((num_envs, family.episode_size))
        self.metric_state: FloatArray = np.zeros((num_envs, family.metric_state_size))
        self.steps: IntArray = np.zeros(num_envs, np.int64)
        self._action_shape = (num_envs, body.actions)

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""
        return self.steps.astype(np.float64) * self.family.body.dt

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task. Reset the episodes afterwards.

        Args:
            parameters: (N, P).

        Raises:
            InputError: parameters of another shape.
        """
        parameters = np.asarray(parameters, np.float64)
        if parameters.shape != self.parameters.shape:
            raise InputError(
                f"task parameters must have shape {self.parameters.shape}, got {parameters.shape}."
            )
        self.parameters = parameters.copy()
        if self.family.varies_dynamics:
            models: dict[bytes, Any] = {}
            for row in parameters:
                if row.tobytes() not in models:
                    models[row.tobytes()] = self.family.task_model(self.nominal, row)
            self._batch.set_models([models[row.tobytes()] for row in parameters])

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Sample an initial state (S,) for task parameters (P,)."""
        return self.family.sample_start(rng, parameters, *self._default)

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin episodes.

        Args:
            states: initial states, (len(ids), S).
            ids: which environments, sorted; all by default.

        Raises:
            InputError: states of another shape or not finite.
        """
        where = np.arange(self.num_envs) if ids is None else ids
        states = self.family.require_states(states, where.shape)
        qpos, qvel, episode = self.family.split_state(states)
        self._batch.reset(where, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self.qpos[where], self.qvel[where], self.episode[where] = qpos, qvel, episode
        self._batch.forward(where)
        self._batch.warning[where] = 0
        self.steps[where] = 0
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
            InputError: actions of another shape or not finite (nothing has moved), or an info
                without a declared metric.
            SimulationError: a state is not finite.
        """
        require_actions(actions, self._action_shape)
        self._control[:] = actions
        before = self.qpos.copy()
        frame_skip = self.family.body.frame_skip
        if active is None:
            self._batch.step(nstep=frame_skip)
            self.steps += 1
            steps = self.steps
        else:
            self._batch.step(np.flatnonzero(active), nstep=frame_skip)
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
