"""What every physics offers to the suite: a batched simulator, a renderer, perhaps an expert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray
from smile_bench.errors import InputError

__all__ = [
    "BatchSimulator",
    "PrivilegedPolicy",
    "Renderer",
    "StepResult",
    "require_begun",
    "sample_starts",
]


class StepResult(NamedTuple):
    """What a control step gives, in N episodes."""

    rewards: FloatArray
    """Task reward, (N,)."""
    info: dict[str, FloatArray]
    """Gymnasium's ``v5`` keys and every metric of the episode so far, each (N,)."""
    metric_state: FloatArray
    """What the metrics remember of the episodes so far, (N, M)."""


class BatchSimulator(Protocol):
    """N episodes of a family in lockstep.

    Deterministic: an episode follows from its task, its initial state and its actions.
    """

    num_envs: int
    """N."""
    parameters: FloatArray
    """Task of each episode, (N, P)."""
    steps: IntArray
    """Control steps taken in each episode, (N,)."""

    @property
    def time(self) -> FloatArray:
        """Seconds (N,) since each episode began."""

    def set_tasks(self, parameters: FloatArray) -> None:
        """Give every environment its task (N, P). Reset those whose task is another one."""

    def sample_start(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        """Sample an initial state (S,) for task parameters (P,)."""

    def reset(self, states: FloatArray, ids: IntArray | None = None) -> None:
        """Begin the episodes ``ids``, by default all, in initial states (len(ids), S)."""

    def observe(self) -> FloatArray:
        """Observations (N, observation_size), a new array."""

    def positions(self) -> dict[str, FloatArray]:
        """The position keys of ``info``, each (N,)."""

    def state(self) -> FloatArray:
        """The state that the physics moves, (N, W), a new array."""

    def set_state(self, states: FloatArray) -> None:
        """Put every episode into a state (N, W). Metrics so far and steps taken stay."""

    def snapshot(self) -> FloatArray:
        """All that :meth:`restore` needs to continue the episodes, (N, Z), a new array."""

    def restore(self, snapshot: FloatArray) -> None:
        """Continue all episodes from what :meth:`snapshot` returned, in the same tasks."""

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> StepResult:
        """Take one control step.

        Args:
            actions: (N, action_size).
            active: which environments (N,) take the step, all by default. The others keep their
                state, and their rows of the result mean nothing.
        """


def sample_starts(
    simulator: BatchSimulator, rng: np.random.Generator, parameters: FloatArray
) -> FloatArray:
    """Sample initial states (N, S) for tasks (N, P), one after the other from one generator."""
    return np.stack([simulator.sample_start(rng, row) for row in parameters])


def require_begun(begun: BoolArray, active: BoolArray | None) -> None:
    """Refuse a step of episodes that have not begun: they have no metrics.

    Args:
        begun: whose episode has begun, (N,).
        active: who takes the step, (N,), or None for all.

    Raises:
        InputError: naming the environments.
    """
    early = ~begun if active is None else ~begun & active
    if early.any():
        raise InputError(
            f"the episodes of environments {np.flatnonzero(early)[:5].tolist()} have not begun: "
            "reset them before the step."
        )


class Renderer(Protocol):
    """Draws episodes of a batched simulator."""

    def draw_slot(self, simulator: Any, slot: int) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of one episode."""

    def close(self) -> None:
        """Free what drawing needs."""


class PrivilegedPolicy(Protocol):
    """A policy that sees the task: trained weights, or computed from the family."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """How it was made: ``command`` and ``seconds`` at least."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The numbers that define it. Their digest identifies it."""

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Actions (N, action_size) for observations (N, O) in tasks (N, P).

        A stochastic policy samples them from ``rng``.
        """
