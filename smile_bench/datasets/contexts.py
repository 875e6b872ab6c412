"""Contexts: the demonstrations that an agent is shown of a task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smile_bench.arrays import Float32Array

__all__ = ["Context"]


@dataclass(frozen=True, eq=False)
class Context:
    """K demonstrations of one task, of T transitions each; or a batch of such with more axes.

    Transition t of a demonstration is (observation, action, next observation); where the dataset
    is subsampled, consecutive transitions are not adjacent in time.
    """

    family: str
    """Id of the family that the demonstrations are from."""
    observations: Float32Array
    """(..., K, T, observation_size)."""
    actions: Float32Array | None
    """(..., K, T, nu), in [-1, 1]; None in the state-only setting."""
    next_observations: Float32Array
    """(..., K, T, observation_size)."""

    @property
    def shots(self) -> int:
        """K, the number of demonstrations."""
        return int(self.observations.shape[-3])

    def state_only(self) -> Context:
        """The same demonstrations without their actions."""
        return replace(self, actions=None)
