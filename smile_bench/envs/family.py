"""A family of tasks: one declaration from which everything else in the suite is derived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.envs.body import Body, Marker
from smile_bench.envs.interfaces import BatchSimulator, Outcome, Renderer, ToldPolicy
from smile_bench.errors import InputError, UnknownNameError, suggestion

if TYPE_CHECKING:
    import mujoco

    from smile_bench.envs.rendering import BatchRenderer
    from smile_bench.envs.simulator import Simulator

__all__ = [
    "OBSERVATION_BOUND",
    "SPLITS",
    "BatchSimulator",
    "ControlStep",
    "Family",
    "Metric",
    "MujocoFamily",
    "Outcome",
    "Recipe",
    "Renderer",
    "Task",
    "ToldPolicy",
]

FloatArray = NDArray[np.float64]

SPLITS = ("train", "validation", "test")
"""Meta-train, meta-validation and meta-test; no task stands in two of them."""

OBSERVATION_BOUND = 1e6
"""Bound of every observed coordinate; the physics stays orders of magnitude inside."""


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

    def worst(self, values: FloatArray) -> float:
        """The worst of some values of the metric."""
        return float(values.min() if self.higher_is_better else values.max())


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the family's canonical dataset is made from its expert."""

    expert: str
    """Name of the expert whose weights are shipped."""
    demonstrations: int
    """Demonstrations per task."""
    subsample: int
    """Every how many control steps a transition is kept; 1 keeps all."""
    noise: float = 0.2
    """Scale of the noise of noisy demonstrations, such that they stay like the expert's: standard
    deviation of Gaussian noise on torques, or probability that a choice is drawn anew."""


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Family(ABC):
    """A family of tasks, whatever its physics.

    What the rest of the suite needs to know: task tables, horizon, metrics, spaces, and how to
    make a simulator. A new physics subclasses it; :class:`MujocoFamily` is the one over bodies.
    """

    id: str
    title: str
    summary: str
    """One sentence for tables."""
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

    blind_is_base_policy: ClassVar[bool] = False
    """Whether the task-blind reference is a policy that knows the unmodified body only."""
    constants: ClassVar[Mapping[str, float]] = {}
    """Numbers of rewards and metrics that enter the protocol's version."""
    entry_point: ClassVar[str]
    """The scalar environment, as Gymnasium's registry wants it."""
    vector_entry_point: ClassVar[str] = "smile_bench.envs.vector:SmileVectorEnv"

    def __post_init__(self) -> None:
        for split in SPLITS:
            self.tasks[split].setflags(write=False)

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return self.metrics[0]

    @property
    @abstractmethod
    def observation_size(self) -> int:
        """Length of an observation."""

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Length of an initial state."""

    @property
    @abstractmethod
    def state_layout(self) -> str:
        """What the numbers of an initial state are, for messages."""

    @property
    @abstractmethod
    def action_space(self) -> spaces.Space[Any]:
        """The action space of one environment: ``Box(-1, 1)`` or ``Discrete``."""

    @property
    def action_size(self) -> int:
        """A: columns of an action as simulators take and datasets store it.

        A ``Box`` action is its own row; a ``Discrete(n)`` one is a one-hot row of length n.
        """
        space = self.action_space
        return int(space.n) if isinstance(space, spaces.Discrete) else int(np.prod(space.shape))  # type: ignore[arg-type]

    @property
    @abstractmethod
    def control_seconds(self) -> float:
        """Length of a control step in seconds."""

    @property
    @abstractmethod
    def physics(self) -> Mapping[str, Any]:
        """Facts of the physics that enter the protocol's version, as JSON-able data."""

    @abstractmethod
    def make_simulator(self, num_envs: int, *, threads: int | None = None) -> BatchSimulator:
        """A batched simulator of N episodes."""

    @abstractmethod
    def make_renderer(self, width: int, height: int) -> Renderer:
        """What draws pictures of a size in pixels."""

    def require_states(self, states: Any, batch: tuple[int, ...]) -> FloatArray:
        """Initial states as a new array (*batch, S).

        Raises:
            InputError: states of another shape or type, or not finite.
        """
        shape = (*batch, self.state_size)
        given = np.asarray(states)
        if given.shape != shape or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
            raise InputError(
                f"an initial state of {self.id} is {self.state_size} finite numbers "
                f"({self.state_layout}), here in an array of shape {shape}; got an array of "
                f"{given.dtype} of shape {given.shape}"
                f"{' with non-finite numbers' if given.shape == shape else ''}."
            )
        return np.array(given, np.float64)

    def action_rows(self, actions: Any, num_envs: int) -> NDArray[Any]:
        """Actions of N Gymnasium environments in the form that simulators take, (N, A).

        Raises:
            InputError: actions that the action space does not have.
        """
        return np.asarray(actions)

    def admissible(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        """The actions (N, A) that continuous outputs (N, A) in [-1, 1] stand for.

        As they are in a ``Box``; one-hot at the largest in a ``Discrete`` space.
        """
        if isinstance(self.action_space, spaces.Discrete):
            eye = np.eye(self.action_size, dtype=np.float32)
            rows: NDArray[np.float32] = eye[np.argmax(actions, axis=-1)]
            return rows
        return np.asarray(actions, np.float32)

    def random_actions(self, rng: np.random.Generator, num_envs: int) -> FloatArray:
        """Uniformly drawn actions (N, A) in the form that simulators take."""
        if isinstance(self.action_space, spaces.Discrete):
            return np.eye(self.action_size)[rng.integers(self.action_size, size=num_envs)]
        return rng.uniform(-1.0, 1.0, (num_envs, self.action_size))

    def computed_expert(self) -> ToldPolicy | None:
        """The expert, where it is computed from the task rather than trained; else None."""
        return None

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


@dataclass(frozen=True, kw_only=True, eq=False)
class MujocoFamily(Family):
    """A family of tasks over one MuJoCo body.

    A subclass adds what a task does: reward, metrics, what an episode draws and, where tasks
    differ in dynamics, how the model changes. All its methods are pure and work on a batch of N
    episodes, so that the scalar and the batched environments share them.
    """

    body: Body
    markers: tuple[Marker, ...] = ()

    entry_point: ClassVar[str] = "smile_bench.envs.env:SmileEnv"
    extra_observed: ClassVar[int] = 0
    """Observed numbers beyond the body's."""
    episode_size: ClassVar[int] = 0
    """E: numbers drawn for each episode."""
    memory_size: ClassVar[int] = 1
    """M: numbers that the metrics remember."""
    varies_dynamics: ClassVar[bool] = False
    """Whether tasks change the physics."""

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.body.observed + self.extra_observed

    @property
    def state_size(self) -> int:
        """Length of an initial state: positions, velocities, what the episode drew."""
        return self.body.positions + self.body.velocities + self.episode_size

    @property
    def state_layout(self) -> str:
        """What the numbers of an initial state are."""
        return (
            f"{self.body.positions} positions, {self.body.velocities} velocities, "
            f"{self.episode_size} drawn for the episode"
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
        """Everything of the body but how it is filmed."""
        return {name: value for name, value in asdict(self.body).items() if name != "camera"}

    @cached_property
    def neutral_parameters(self) -> FloatArray:
        """Parameters (P,) of the unmodified body, for families whose tasks change the physics."""
        return np.ones(len(self.parameter_names))

    def make_simulator(self, num_envs: int, *, threads: int | None = None) -> Simulator:
        """The batched simulator; MuJoCo is imported here, not with the declaration."""
        from smile_bench.envs.simulator import Simulator

        return Simulator(self, num_envs, threads=threads)

    def make_renderer(self, width: int, height: int) -> BatchRenderer:
        """A renderer over one OpenGL context."""
        from smile_bench.envs.rendering import BatchRenderer

        return BatchRenderer(self, width, height)

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

    def change_model(
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
