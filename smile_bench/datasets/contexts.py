"""Contexts: the demonstrations of a task that an agent sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smile_bench.arrays import Float32Array

__all__ = ["Context"]


@dataclass(frozen=True, eq=False)
class Context:
    """K demonstrations of one task with T transitions each. A batch has more leading axes.

    Transition t of a demonstration is (observation, action, next observation). Where the dataset
    is subsampled, transition t + 1 does not follow transition t in time.
    """

    family: str
    """Id of the demonstrations' family."""
    observations: Float32Array
    """(..., K, T, observation_size)."""
    actions: Float32Array | None
    """(..., K, T, action_size), in [-1, 1]; None in the state-only setting."""
    next_observations: Float32Array
    """(..., K, T, observation_size)."""

    @property
    def shots(self) -> int:
        """K: the number of demonstrations."""
        return int(self.observations.shape[-3])

    def state_only(self) -> Context:
        """The same demonstrations without their actions."""
        return replace(self, actions=None)
