"""What every physics offers to the suite: a batched simulator, pictures, perhaps an expert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray

__all__ = ["BatchSimulator", "PrivilegedPolicy", "Renderer", "StepResult", "sample_starts"]


class StepResult(NamedTuple):
    """What a family makes of a control step."""

    rewards: FloatArray
    """Task reward, (N,)."""
    info: dict[str, FloatArray]
    """Gymnasium's ``v5`` keys and every metric of the episode so far, each (N,)."""
    metric_state: FloatArray
    """The new metric state, (N, M)."""


class BatchSimulator(Protocol):
    """N episodes of a family in lockstep: what every physics offers to the suite.

    Deterministic: an episode follows from its task, its initial state and its actions.
    """

    num_envs: int
    parameters: FloatArray
    """Task of each episode, (N, P)."""
    steps: IntArray
    """Control steps taken in each episode, (N,)."""

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task (N, P); episodes must be reset afterwards."""

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Draw an initial state (S,) for task parameters (P,)."""

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin the episodes ``ids`` in initial states (len(ids), S)."""

    def observe(self) -> FloatArray:
        """Observations (N, observation_size), a new array."""

    def positions(self) -> dict[str, FloatArray]:
        """What ``info`` says of where every episode is, each (N,)."""

    def state(self) -> FloatArray:
        """Where every episode is, (N, W), a new array: what the physics moves."""

    def set_state(self, states: FloatArray) -> None:
        """Put every episode elsewhere (N, W); metrics so far and steps taken stay."""

    def snapshot(self) -> FloatArray:
        """Everything that continues the episodes, (N, Z), for :meth:`restore`."""

    def restore(self, snapshot: FloatArray) -> None:
        """Continue all episodes from what :meth:`snapshot` returned."""

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> StepResult:
        """Take one control step with actions (N, action_size) where ``active`` (N,)."""


def sample_starts(
    simulator: BatchSimulator, rng: np.random.Generator, parameters: FloatArray
) -> FloatArray:
    """Draw initial states (N, S) for tasks (N, P), one after the other from one generator."""
    return np.stack([simulator.sample_start(rng, row) for row in parameters])


class Renderer(Protocol):
    """Draws episodes of a batched simulator."""

    def draw_slot(self, simulator: Any, slot: int) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of one episode."""

    def close(self) -> None:
        """Free what drawing needed."""


class PrivilegedPolicy(Protocol):
    """A policy that is told the task: trained weights, or computed from the family."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """How it came about: ``command`` and ``seconds`` at least."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The numbers that define it; their digest is its identity."""

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Actions (N, action_size) for observations (N, O) in tasks (N, P).

        A policy that draws its actions draws them from ``rng``.
        """
