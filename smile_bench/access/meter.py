"""The meter of an access: what was used, and which cells were reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from smile_bench.access.counts import AccessCounts
from smile_bench.access.coverage import Coverage, ReachedCells
from smile_bench.arrays import FloatArray
from smile_bench.envs.partition import StatePartition

__all__ = ["Meter"]


class Meter:
    """Counts of what a learner used, and its coverage.

    Args:
        partition: the cells that coverage is measured on; None for no coverage.
    """

    def __init__(self, partition: StatePartition | None) -> None:
        self._partition = partition
        self.reset_meter()

    def reset_meter(self) -> None:
        """Forget everything that was used."""
        self.counts = AccessCounts()
        """What was used so far."""
        self._reached = None if self._partition is None else ReachedCells(self._partition)

    @property
    def coverage(self) -> Coverage | None:
        """The share of the family's cells that the learner has reached in its environments.

        None where the family declares no partition, on a track without environments, and after
        :meth:`restore` from counts that do not say what was reached.
        """
        return None if self._reached is None else self._reached.coverage

    def state_dict(self) -> dict[str, Any]:
        """The counts, and the cells that were reached; :meth:`restore` continues from it."""
        reached = {} if self._reached is None else {"reached": self._reached.marks}
        return {**asdict(self.counts), **reached}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`, or from counts alone, in a training that is resumed.

        After counts alone with control steps the coverage is not known.

        Raises:
            ValueError: the reached cells are of another partition.
        """
        counts = dict(state)
        reached = counts.pop("reached", None)
        self.reset_meter()
        self.counts = AccessCounts(**{name: int(number) for name, number in counts.items()})
        if self._reached is not None and reached is not None:
            self._reached.marks = reached
        elif self.counts.env_steps:
            self._reached = None

    def note_reached(self, observations: FloatArray) -> None:
        """Mark the cells of observations (N, O) as reached. The environments call it."""
        if self._reached is not None:
            self._reached.note(observations)

    def count_env_steps(self, steps: int) -> None:
        """Count control steps. The environments call it."""
        self._count(env_steps=steps)

    def _count(self, **more: int) -> None:
        now = asdict(self.counts)
        self.counts = replace(self.counts, **{name: now[name] + n for name, n in more.items()})
