"""A family of tasks: one declaration from which everything else in the suite is derived."""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.compat import deprecated
from smile_bench.envs import declaration
from smile_bench.envs.arguments import as_array
from smile_bench.envs.facts import DatasetRecipe, Metric, Task
from smile_bench.envs.partition import StatePartition
from smile_bench.envs.simulation import BatchSimulator, PrivilegedPolicy, Renderer
from smile_bench.envs.tables import FrozenTables
from smile_bench.errors import InputError, UnknownNameError, shown, suggestion

__all__ = ["OBSERVATION_BOUND", "SPLITS", "DatasetRecipe", "Family", "Metric", "Task"]


SPLITS = ("train", "validation", "test")
"""Meta-train, meta-validation and meta-test. Each task belongs to one of them."""

OBSERVATION_BOUND = 1e6
"""Bound of every observed number. Simulations stay orders of magnitude below it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Family(ABC):
    """A family of tasks, whatever its physics: the one declaration of everything about it.

    Each physics has a subclass with a simulator and a renderer. A declaration is an instance: it
    gives the task tables, the horizon and the metrics. Modules in ``smile_bench.envs.families``
    are found by themselves; a family of your own is added by
    :func:`smile_bench.envs.register_family`.

    Raises:
        InputError: a part is missing or does not fit the others. The message names the part and
            the fix.
    """

    id: str
    """Gymnasium's id, with its version: ``"SmileAntGoal-v0"``. It names the family's files."""
    title: str
    """A name for headings."""
    summary: str
    """One sentence for tables."""
    parameter_names: tuple[str, ...]
    """Names of the P numbers that define a task."""
    tasks: Mapping[str, FloatArray]
    """Frozen task tables: split to parameters (number of tasks, P). Copied and made read-only."""
    horizon: int
    """Control steps per episode. No episode ends earlier."""
    metrics: tuple[Metric, ...]
    """The primary metric first. ``info`` holds each under its name."""
    context_sizes: tuple[int, ...]
    """Numbers of demonstrations that a context may hold, in rising order."""
    evaluation_episodes: int
    """Episodes per meta-test task in the protocol."""
    dataset_recipe: DatasetRecipe
    """How the canonical dataset is made."""
    task_distribution: Callable[[np.random.Generator, int], FloatArray] | None = None
    """Samples n new tasks (n, P) like those of the tables, for fresh meta-test sets. None where the
    expert knows the tables' tasks alone, or where they follow no distribution."""
    partition: StatePartition | None = None
    """Cells of which a learner's coverage is the share that it has reached; None for no coverage.
    Neither the protocol's version nor a dataset depends on it."""
    data: Path | None = None
    """Folder of the family's own files (dataset ``ID.h5`` with ``manifest.json``, protocol
    ``ID.json`` and ``ID.safetensors``, expert weights), where they do not ship with smile-bench."""

    blind_is_base_policy: ClassVar[bool] = False
    """Whether the task-blind reference is a policy trained on the unmodified dynamics only."""
    season_episodes: ClassVar[int] = 1
    """How many times the protocol's episodes a fresh meta-test set has. More than 1 where one
    episode says little."""
    constants: ClassVar[Mapping[str, float]] = {}
    """Numbers in rewards and metrics. The protocol's version covers them."""
    entry_point: ClassVar[str]
    """The scalar environment, as ``module:attribute``."""
    vector_entry_point: ClassVar[str] = "smile_bench.envs.vector:SmileVectorEnv"
    """The vectorised environment likewise."""
    simulator_entry_point: ClassVar[str]
    """The batched simulator likewise. It is called with the family, ``num_envs`` and ``threads``.
    A string, so that declaring a family does not import its physics."""
    renderer_entry_point: ClassVar[str]
    """The renderer likewise. It is called with the family, ``width`` and ``height``."""

    @property
    def coverage_cells(self) -> StatePartition | None:
        """The partition that coverage is measured on, None for no coverage."""
        return self.partition

    def __post_init__(self) -> None:
        declaration.require_id(self.id)
        entry_points = ("entry_point", "simulator_entry_point", "renderer_entry_point")
        declaration.require_attributes(self.id, self, entry_points)
        declaration.require_names(self.id, "parameter_names", self.parameter_names)
        declaration.require_names(self.id, "metrics", [metric.name for metric in self.metrics])
        counts = {"horizon": self.horizon, "evaluation_episodes": self.evaluation_episodes}
        declaration.require_counts(self.id, **counts)
        declaration.require_context_sizes(
            self.id, self.context_sizes, self.dataset_recipe.demonstrations
        )
        declaration.require_partition(self.id, self.partition, self.observation_size)
        if not isinstance(self.tasks, FrozenTables):  # Those that ship are read on first use.
            tables = declaration.task_tables(self.id, self.tasks, SPLITS, len(self.parameter_names))
            object.__setattr__(self, "tasks", MappingProxyType(tables))

    def __deepcopy__(self, memo: dict[int, Any]) -> Family:
        """The family itself, because nothing of it changes."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the declaration. Loaded where its id is known, it is the family there."""
        declared = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        if isinstance(self.tasks, MappingProxyType):
            declared["tasks"] = dict(self.tasks)
        return _declared_again, (type(self), declared)

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return self.metrics[0]

    @property
    @abstractmethod
    def observation_size(self) -> int:
        """Length of an observation."""

    @property
    def observation_space(self) -> spaces.Box:
        """The observation space of one environment, ``Box((observation_size,), float64)``."""
        bound = OBSERVATION_BOUND
        return spaces.Box(-bound, bound, (self.observation_size,), np.float64)

    @property
    @abstractmethod
    def state_size(self) -> int:
        """S: length of an initial state."""

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
        """A: columns of an action in simulators and datasets.

        A ``Box`` action is its own row. A ``Discrete(n)`` action is a one-hot row of length n.
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
        """Facts of the physics, as JSON-able data. The protocol's version covers them."""

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
        """Check initial states, and return them as a new array (*batch, S).

        Raises:
            InputError: states of another shape or type, or not finite.
        """
        shape = (*batch, self.state_size)
        given = as_array("an initial state", states)
        if given.shape != shape or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
            raise InputError(
                f"an initial state of {self.id} is {self.state_size} finite numbers "
                f"({self.state_layout}), here in an array of shape {shape}; got an array of "
                f"{given.dtype} of shape {given.shape}"
                f"{' with non-finite numbers' if given.shape == shape else ''}."
            )
        return np.array(given, np.float64)

    def action_rows(self, actions: Any, num_envs: int) -> NDArray[Any]:
        """Turn actions of N Gymnasium environments into the rows that simulators take, (N, A).

        Raises:
            InputError: actions outside the action space.
        """
        return as_array("actions", actions)

    def admissible(self, actions: NDArray[Any]) -> Float32Array:
        """Turn continuous outputs (N, A) in [-1, 1] into action rows (N, A).

        A ``Box`` takes them as they are; a ``Discrete`` space takes the largest, one-hot.
        """
        if isinstance(self.action_space, spaces.Discrete):
            eye = np.eye(self.action_size, dtype=np.float32)
            rows: Float32Array = eye[np.argmax(actions, axis=-1)]
            return rows
        return np.asarray(actions, np.float32)

    def random_actions(self, rng: np.random.Generator, num_envs: int) -> FloatArray:
        """Sample uniform action rows (N, A)."""
        if isinstance(self.action_space, spaces.Discrete):
            return np.eye(self.action_size)[rng.integers(self.action_size, size=num_envs)]
        return rng.uniform(-1.0, 1.0, (num_envs, self.action_size))

    def computed_expert(self) -> PrivilegedPolicy | None:
        """The expert where it is computed from the task, None where it is trained."""
        return None

    def task(self, split: str, index: int) -> Task:
        """Look a task up.

        Raises:
            UnknownNameError: no such split, or no such index in it.
        """
        table = self.table(split)
        whole = isinstance(index, (int, np.integer)) and not isinstance(index, bool)
        if not whole or not 0 <= index < len(table):
            raise UnknownNameError(
                f"{self.id} has no {split} task {shown(index)}: "
                f"give an integer from 0 to {len(table) - 1}."
            )
        row = tuple(table[index].tolist())
        return Task(family=self.id, split=split, index=int(index), parameters=row)

    def table(self, split: str) -> FloatArray:
        """The task parameters of a split, (number of tasks, P), read-only.

        Raises:
            UnknownNameError: no such split.
        """
        if not isinstance(split, str) or split not in self.tasks:
            raise UnknownNameError(f"unknown split {shown(split)}. {suggestion(split, SPLITS)}")
        return self.tasks[split]


def _declared_again(cls: type[Family], declared: dict[str, Any]) -> Family:
    known = pkgutil.resolve_name("smile_bench.envs.registry:all_families")().get(declared["id"])
    return known if type(known) is cls else cls(**declared)


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
