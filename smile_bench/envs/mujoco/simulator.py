"""The batched simulator: many episodes of a family stepped together on native threads."""

from __future__ import annotations

import copy
import os
from typing import Any

import mujoco
import mujoco.batch
import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs.family import Family
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.simulation import StepResult
from smile_bench.errors import InputError, SimulationError

__all__ = [
    "Simulator",
    "available_threads",
    "compile_task",
    "require_actions",
    "require_stable",
    "require_states",
    "sample_start",
    "split_state",
]

# MuJoCo counts these when it meets a non-finite number; it then resets or ignores it silently.
_FIRST_WARNING = mujoco.mjtWarning.mjWARN_BADQPOS.value
_LAST_WARNING = mujoco.mjtWarning.mjWARN_BADCTRL.value
UNSTABLE_WARNINGS = slice(_FIRST_WARNING, _LAST_WARNING + 1)


def available_threads() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compile_task(
    family: MujocoFamily, nominal: mujoco.MjModel, parameters: FloatArray
) -> mujoco.MjModel:
    """The MuJoCo model of a task with parameters (P,), a copy of the family's nominal model."""
    model = copy.copy(nominal)
    family.change_model(model, nominal, parameters)
    return model


def require_states(family: Family, states: Any, batch: tuple[int, ...]) -> FloatArray:
    """Initial states as a new array (*batch, S).

    Raises:
        InputError: states of another shape or type, or not finite.
    """
    return family.require_states(states, batch)


def split_state(
    family: MujocoFamily, states: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Split initial states (..., S) into positions, velocities and what the episode drew."""
    nq, nv = family.body.positions, family.body.velocities
    return states[..., :nq], states[..., nq : nq + nv], states[..., nq + nv :]


def require_actions(actions: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse actions that MuJoCo would misread: it takes a NaN for zero without a word.

    Args:
        actions: what was given.
        shape: the shape they must have.

    Raises:
        InputError: another shape or type, or a non-finite number.
    """
    if actions.shape != shape or actions.dtype.kind not in "fiu":
        raise InputError(
            f"actions must be numbers in [-1, 1] of shape {shape}, got an array of "
            f"{actions.dtype} of shape {actions.shape}."
        )
    finite = np.isfinite(actions)
    if not finite.all():
        where = np.argwhere(~finite)[:5].tolist()
        raise InputError(
            f"actions must be finite numbers in [-1, 1], got {actions[~finite][:5].tolist()} at "
            f"{where}. The environment did not move: check what computed the actions."
        )


def require_stable(family: Family, warnings: NDArray[np.int32], steps: IntArray) -> None:
    """Raise if MuJoCo met a non-finite number.

    Args:
        family: what is simulated.
        warnings: MuJoCo's warning counters (N, warning kinds).
        steps: control steps taken in each episode (N,).

    Raises:
        SimulationError: naming the environments and the step.
    """
    bad = warnings[:, UNSTABLE_WARNINGS]
    if bad.any():
        slots = np.flatnonzero(bad.any(axis=1)).tolist()
        raise SimulationError(
            f"the simulation of {family.id} became unstable (a non-finite or huge state) in "
            f"environments {slots} at control steps {steps[slots].tolist()}. Reset them before "
            "going on; if it comes back, report the tasks, the initial states and the actions."
        )


class Simulator:
    """N episodes of a family, stepped in lockstep; the physics below every environment.

    Bit-equal to N scalar environments from the same initial states and actions: each episode is
    MuJoCo's whole integration state, warm start included, stepped by ``mujoco.batch``.

    Args:
        family: what to simulate.
        num_envs: N.
        threads: native threads, by default one per available processor.
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
        """Give every environment its task; episodes must be reset afterwards.

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
                    models[row.tobytes()] = compile_task(self.family, self.nominal, row)
            self._batch.set_models([models[row.tobytes()] for row in parameters])

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Draw an initial state (S,) for task parameters (P,)."""
        return sample_start(self.family, rng, parameters, *self._default)

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin episodes.

        Args:
            states: initial states, (len(ids), S).
            ids: which environments, sorted; all by default.

        Raises:
            InputError: states of another shape or not finite.
        """
        where = np.arange(self.num_envs) if ids is None else ids
        states = require_states(self.family, states, where.shape)
        qpos, qvel, episode = split_state(self.family, states)
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

        Positions, velocities, what the episode drew, the metric state and the steps taken.
        """
        columns = (self.qpos, self.qvel, self.episode, self.metric_state, self.steps[:, None])
        return np.hstack([column.astype(np.float64) for column in columns])

    def restore(self, snapshot: FloatArray) -> None:
        """Continue all episodes from what :meth:`snapshot` returned."""
        size = self.family.state_size
        self.reset(snapshot[:, :size])
        self.metric_state[:] = snapshot[:, size:-1]
        self.steps[:] = snapshot[:, -1]

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> StepResult:
        """Take one control step.

        Args:
            actions: (N, nu), in [-1, 1].
            active: which environments (N,) take the step, all by default. The others keep their
                state; their rows of the result mean nothing.

        Raises:
            InputError: actions of another shape or not finite; nothing has moved.
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
        # A copy, because the next reset writes into it and infos may share its memory.
        self.metric_state = result.metric_state.copy()
        return result


def sample_start(
    family: MujocoFamily,
    rng: np.random.Generator,
    parameters: FloatArray,
    qpos0: FloatArray,
    qvel0: FloatArray,
) -> FloatArray:
    """Draw an initial state (S,): body first, then what the episode shows."""
    qpos, qvel = family.body.sample_start(rng, qpos0, qvel0)
    return np.concatenate((qpos, qvel, family.sample_episode(rng, parameters)))
