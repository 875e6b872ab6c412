"""Families over one MuJoCo body: what a task does to its rewards, metrics and dynamics."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from gymnasium import spaces

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.family import Family
from smile_bench.envs.mujoco.body import Body, Marker
from smile_bench.envs.simulation import StepResult

if TYPE_CHECKING:
    import mujoco

__all__ = ["ControlStep", "MujocoFamily"]


class ControlStep(NamedTuple):
    """What happened in one control step of a batch of N episodes."""

    qpos_before: FloatArray
    """Positions before the step, (N, nq)."""
    qpos: FloatArray
    """Positions after the step, (N, nq)."""
    actions: FloatArray
    """Actions taken, (N, nu)."""
    parameters: FloatArray
    """Task parameters, (N, P)."""
    episode: FloatArray
    """What was sampled for the episode, (N, E)."""
    metric_state: FloatArray
    """The metric state before the step, (N, M)."""
    steps: IntArray
    """Control steps taken in the episode, this one included, (N,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MujocoFamily(Family):
    """A family of tasks over one MuJoCo body.

    A subclass says what a task does: its reward and metrics, what is sampled for each episode and,
    where tasks differ in dynamics, how the model changes. Its methods are pure and work on a batch
    of N episodes, so that the scalar and the batched environments share them.

    A metric is declared in ``metrics`` and computed by :meth:`reward_and_info`. What it needs to
    remember of an episode is its metric state, M numbers that :meth:`initial_metrics` begins.
    """

    body: Body
    """What is simulated."""
    markers: tuple[Marker, ...] = ()
    """What is drawn beside the body; :meth:`marker_positions` places them."""

    entry_point: ClassVar[str] = "smile_bench.envs.mujoco.env:SmileEnv"
    simulator_entry_point: ClassVar[str] = "smile_bench.envs.mujoco.simulator:Simulator"
    renderer_entry_point: ClassVar[str] = "smile_bench.envs.mujoco.rendering:BatchRenderer"
    extra_observed: ClassVar[int] = 0
    """Observed numbers beyond the body's."""
    episode_size: ClassVar[int] = 0
    """E: numbers sampled for each episode."""
    metric_state_size: ClassVar[int] = 1
    """M: numbers that the metrics remember of an episode."""
    varies_dynamics: ClassVar[bool] = False
    """Whether tasks change the physics."""

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.body.observed + self.extra_observed

    @property
    def state_size(self) -> int:
        """S: positions, velocities, and what is sampled for the episode."""
        return self.body.positions + self.body.velocities + self.episode_size

    @property
    def state_layout(self) -> str:
        """What the numbers of an initial state are."""
        return (
            f"{self.body.positions} positions, {self.body.velocities} velocities, "
            f"{self.episode_size} sampled for the episode"
        )

    @property
    def action_space(self) -> spaces.Box:
        """Normalised torques."""
        return spaces.Box(-1.0, 1.0, (self.body.actions,), np.float32)

    @property
    def action_size(self) -> int:
        """Number of torques."""
        return self.body.actions

    @property
    def control_seconds(self) -> float:
        """Length of a control step in seconds."""
        return self.body.dt

    @property
    def physics(self) -> Mapping[str, Any]:
        """Facts of the body, see :attr:`Body.physics`."""
        return self.body.physics

    @cached_property
    def neutral_parameters(self) -> FloatArray:
        """Parameters (P,) of the unmodified body, for families whose tasks change the physics."""
        return np.ones(len(self.parameter_names))

    def sample_episode(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Sample what is particular to one episode, (E,), for task parameters (P,)."""
        return np.empty(0)

    def sample_start(
        self,
        rng: np.random.Generator,
        parameters: FloatArray,
        qpos0: FloatArray,
        qvel0: FloatArray,
    ) -> FloatArray:
        """Sample an initial state: the body's first, then what is particular to the episode.

        Args:
            rng: source of randomness.
            parameters: of the task, (P,).
            qpos0: the model's default positions, (nq,).
            qvel0: the model's default velocities, (nv,).

        Returns:
            An initial state, (S,).
        """
        qpos, qvel = self.body.sample_start(rng, qpos0, qvel0)
        return np.concatenate((qpos, qvel, self.sample_episode(rng, parameters)))

    def split_state(self, states: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Split initial states (..., S) into positions, velocities and the episode's numbers."""
        nq, nv = self.body.positions, self.body.velocities
        return states[..., :nq], states[..., nq : nq + nv], states[..., nq + nv :]

    def observe(
        self, qpos: FloatArray, qvel: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        """Observations (N, observation_size). Task parameters must not enter them."""
        return self.body.observe(qpos, qvel)

    def privileged(self, observations: FloatArray, parameters: FloatArray) -> FloatArray:
        """What an expert sees, (N, F): observations (N, observation_size) and the task (N, P)."""
        return np.concatenate((observations, parameters), axis=1)

    def change_model(
        self, model: mujoco.MjModel, nominal: mujoco.MjModel, parameters: FloatArray
    ) -> None:
        """Write the dynamics of task parameters (P,) into a model.

        Args:
            model: changed in place; it may hold the dynamics of another task.
            nominal: the body's own model.
            parameters: of the task, (P,).
        """

    def task_model(self, nominal: mujoco.MjModel, parameters: FloatArray) -> mujoco.MjModel:
        """The model of task parameters (P,): a changed copy of the body's own model."""
        model = copy.copy(nominal)
        self.change_model(model, nominal, parameters)
        return model

    def marker_positions(
        self, parameters: FloatArray, episode: FloatArray, time: float
    ) -> FloatArray:
        """Positions of the markers.

        Args:
            parameters: of the task, (P,).
            episode: what was sampled for the episode, (E,).
            time: seconds since the episode began.

        Returns:
            Metres, (number of markers, 3).
        """
        return np.empty((0, 3))

    @abstractmethod
    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        """Gymnasium's ``v5`` position keys of ``info``, each (N,)."""

    @abstractmethod
    def initial_metrics(
        self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        """The metric state (N, M) of episodes that start now."""

    @abstractmethod
    def reward_and_info(self, step: ControlStep) -> StepResult:
        """Reward, info and metric state after a control step.

        ``info`` must hold every metric of the family under its name.
        """
