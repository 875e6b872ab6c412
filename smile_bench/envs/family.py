"""A family of tasks: one declaration from which everything else in the suite is derived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_bench.envs.body import Body, Marker
from smile_bench.errors import UnknownNameError, suggestion

if TYPE_CHECKING:
    import mujoco

__all__ = ["SPLITS", "ControlStep", "Family", "Metric", "Outcome", "Recipe", "Task"]

FloatArray = NDArray[np.float64]

SPLITS = ("train", "validation", "test")
"""Meta-train, meta-validation and meta-test; no task stands in two of them."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a family, as ``env.unwrapped.task`` shows it."""

    family: str
    split: str
    index: int
    """Position in the split's task table; -1 for a task outside the tables."""
    parameters: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that an episode is judged by."""

    name: str
    description: str
    unit: str
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the family's canonical dataset is made from its expert."""

    expert: str
    """Name of the expert whose weights are shipped."""
    demonstrations: int
    """Demonstrations per task."""
    subsample: int
    """Every how many control steps a transition is kept; 1 keeps all."""


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
    """What was drawn for the episode, (N, E)."""
    memory: FloatArray
    """What the episode's metrics remember, (N, M), as it was before the step."""
    steps: NDArray[np.int64]
    """Control steps taken in the episode, this one included, (N,)."""


class Outcome(NamedTuple):
    """What a family makes of a control step."""

    rewards: FloatArray
    """Task reward, (N,)."""
    info: dict[str, FloatArray]
    """Gymnasium's ``v5`` keys and every metric of the episode so far, each (N,)."""
    memory: FloatArray
    """The new memory, (N, M)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Family(ABC):
    """A family of tasks over one body.

    A subclass adds what a task does: reward, metrics, what an episode draws and, where tasks
    differ in dynamics, how the model changes. All its methods are pure and work on a batch of N
    episodes, so that the scalar and the batched environments share them.
    """

    id: str
    title: str
    summary: str
    """One sentence for tables."""
    body: Body
    parameter_names: tuple[str, ...]
    tasks: Mapping[str, FloatArray]
    """Frozen task tables: split to parameters (number of tasks, P)."""
    horizon: int
    """Control steps per episode; no episode ends earlier."""
    metrics: tuple[Metric, ...]
    """The primary metric first."""
    context_sizes: tuple[int, ...]
    """Numbers of demonstrations that a context may hold."""
    evaluation_episodes: int
    """Episodes per meta-test task in the protocol."""
    recipe: Recipe
    markers: tuple[Marker, ...] = ()

    extra_observed: ClassVar[int] = 0
    """Observed numbers beyond the body's."""
    episode_size: ClassVar[int] = 0
    """E: numbers drawn for each episode."""
    memory_size: ClassVar[int] = 1
    """M: numbers that the metrics remember."""
    varies_dynamics: ClassVar[bool] = False
    """Whether tasks change the physics."""

    def __post_init__(self) -> None:
        for split in SPLITS:
            self.tasks[split].setflags(write=False)

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return self.metrics[0]

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.body.observed + self.extra_observed

    @property
    def state_size(self) -> int:
        """Length of an initial state: positions, velocities, what the episode drew."""
        return self.body.positions + self.body.velocities + self.episode_size

    @cached_property
    def neutral_parameters(self) -> FloatArray:
        """Parameters (P,) of the unmodified body, for families whose tasks change the physics."""
        return np.ones(len(self.parameter_names))

    def task(self, split: str, index: int) -> Task:
        """Look a task up.

        Raises:
            UnknownNameError: no such split, or no such index in it.
        """
        table = self.table(split)
        if not isinstance(index, (int, np.integer)) or not 0 <= index < len(table):
            raise UnknownNameError(
                f"{self.id} has no {split} task {index!r}: "
                f"give an integer from 0 to {len(table) - 1}."
            )
        row = tuple(table[index].tolist())
        return Task(family=self.id, split=split, index=int(index), parameters=row)

    def table(self, split: str) -> FloatArray:
        """The task parameters of a split, (number of tasks, P).

        Raises:
            UnknownNameError: no such split.
        """
        if split not in self.tasks:
            raise UnknownNameError(f"unknown split {split!r}. {suggestion(split, SPLITS)}")
        return self.tasks[split]

    def draw_episode(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Draw what is particular to one episode, (E,), for task parameters (P,)."""
        return np.empty(0)

    def observe(
        self, qpos: FloatArray, qvel: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        """Observations (N, observation_size); task parameters must not enter them."""
        return self.body.observe(qpos, qvel)

    def privileged(self, observations: FloatArray, parameters: FloatArray) -> FloatArray:
        """What an expert sees, (N, F): observations (N, observation_size) and the task (N, P)."""
        return np.concatenate((observations, parameters), axis=1)

    def change_model(  # noqa: B027 (most families leave the model as it is)
        self, model: mujoco.MjModel, nominal: mujoco.MjModel, parameters: FloatArray
    ) -> None:
        """Write a task's dynamics (P,) into a model, starting from the body's nominal one."""

    def marker_positions(
        self, parameters: FloatArray, episode: FloatArray, time: float
    ) -> FloatArray:
        """Where the markers stand, (number of markers, 3), in metres, at a time in seconds."""
        return np.empty((0, 3))

    @abstractmethod
    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        """Gymnasium's ``v5`` position keys of ``info``, each (N,)."""

    @abstractmethod
    def begin(self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray) -> FloatArray:
        """The memory (N, M) of episodes that start now."""

    @abstractmethod
    def judge(self, step: ControlStep) -> Outcome:
        """Reward, info and memory after a control step."""
