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
    """How many control steps this call took before."""
    observations: FloatArray
    """What the policy saw, (N, observation_size)."""
    actions: NDArray[Any]
    """What it chose, (N, action_size)."""
    result: StepResult
    """Rewards, info and metric state afterwards."""


def rollout(
    simulator: BatchSimulator, act: Callable[[FloatArray], NDArray[Any]], steps: int
) -> Iterator[Step]:
    """Step a batch of episodes, and yield after every control step.

    The caller may change the simulator between two steps, for instance put episodes into another
    state: the next step starts from there.

    Args:
        simulator: its episodes have begun.
        act: maps observations (N, observation_size) to actions (N, action_size).
        steps: how many control steps to take.

    Yields:
        The steps.

    Raises:
        InputError, SimulationError: as the simulator's ``step``.
    """
    for time in range(steps):
        observations = simulator.observe()
        actions = act(observations)
        yield Step(time, observations, actions, simulator.step(actions))
