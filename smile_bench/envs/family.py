"""A family of tasks: one declaration from which everything else in the suite is derived."""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs.simulation import BatchSimulator, PrivilegedPolicy, Renderer
from smile_bench.errors import InputError, UnknownNameError, suggestion

if TYPE_CHECKING:
    pass

__all__ = [
    "OBSERVATION_BOUND",
    "SPLITS",
    "DatasetRecipe",
    "Family",
    "Metric",
    "Task",
]


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
class DatasetRecipe:
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
    dataset_recipe: DatasetRecipe

    blind_is_base_policy: ClassVar[bool] = False
    """Whether the task-blind reference is a policy that knows the unmodified body only."""
    constants: ClassVar[Mapping[str, float]] = {}
    """Numbers of rewards and metrics that enter the protocol's version."""
    entry_point: ClassVar[str]
    """The scalar environment, as Gymnasium's registry wants it."""
    vector_entry_point: ClassVar[str] = "smile_bench.envs.vector:SmileVectorEnv"
    simulator_entry_point: ClassVar[str]
    """The batched simulator as ``module:attribute``; called with the family, ``num_envs`` and
    ``threads``. A string, so that a declaration imports no physics."""
    renderer_entry_point: ClassVar[str]
    """The renderer likewise; called with the family, ``width`` and ``height``."""

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

    def make_simulator(self, num_envs: int, *, threads: int | None = None) -> BatchSimulator:
        """Make a batched simulator of N episodes.

        Args:
            num_envs: N.
            threads: native threads, by default one per available processor.

        Raises:
            InputError: a number below 1.
        """
        make = pkgutil.resolve_name(self.simulator_entry_point)
        simulator: BatchSimulator = make(self, num_envs, threads=threads)
        return simulator

    def make_renderer(self, width: int, height: int) -> Renderer:
        """Make a renderer of pictures of a size in pixels."""
        renderer: Renderer = pkgutil.resolve_name(self.renderer_entry_point)(self, width, height)
        return renderer

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

    def admissible(self, actions: NDArray[Any]) -> Float32Array:
        """The actions (N, A) that continuous outputs (N, A) in [-1, 1] stand for.

        As they are in a ``Box``; one-hot at the largest in a ``Discrete`` space.
        """
        if isinstance(self.action_space, spaces.Discrete):
            eye = np.eye(self.action_size, dtype=np.float32)
            rows: Float32Array = eye[np.argmax(actions, axis=-1)]
            return rows
        return np.asarray(actions, np.float32)

    def random_actions(self, rng: np.random.Generator, num_envs: int) -> FloatArray:
        """Uniformly drawn actions (N, A) in the form that simulators take."""
        if isinstance(self.action_space, spaces.Discrete):
            return np.eye(self.action_size)[rng.integers(self.action_size, size=num_envs)]
        return rng.uniform(-1.0, 1.0, (num_envs, self.action_size))

    def computed_expert(self) -> PrivilegedPolicy | None:
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
