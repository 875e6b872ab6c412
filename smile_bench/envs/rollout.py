"""The one loop in which a policy acts in a batch of episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs.simulation import BatchSimulator, StepResult

__all__ = ["Step", "rollout"]


class Step(NamedTuple):
    """One control step of N episodes."""

    time: int
    """Control steps that this call took before it."""
    observations: FloatArray
    """What the policy saw, (N, observation_size)."""
    actions: NDArray[Any]
    """What it did, (N, action_size)."""
    result: StepResult
    """Rewards, info and metric state afterwards."""


def rollout(
    simulator: BatchSimulator, act: Callable[[FloatArray], NDArray[Any]], steps: int
) -> Iterator[Step]:
    """Step a batch of episodes, and yield after every control step.

    What the caller does between two steps, such as putting episodes into another state, is seen by
    the next one.

    Args:
        simulator: its episodes have begun.
        act: observations (N, observation_size) to actions (N, action_size).
        steps: how many control steps.

    Raises:
        InputError, SimulationError: as the simulator's ``step``.
    """
    for time in range(steps):
        observations = simulator.observe()
        actions = act(observations)
        yield Step(time, observations, actions, simulator.step(actions))
