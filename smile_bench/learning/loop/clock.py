"""What a run of trainings has taken: seconds of the clock and of the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["Clock", "Spent"]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds of a run, those before a resume included."""

    seconds: float
    """Of the clock."""
    cpu_seconds: float | None
    """Of the processor, over all threads of the process; None where a part of the run was under a
    version that did not count them."""


class Clock:
    """Counts from now on.

    Args:
        before: what the run had taken when it was interrupted.
    """

    def __init__(self, before: Spent | None = None) -> None:
        self.before = before or Spent(seconds=0.0, cpu_seconds=0.0)
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    @property
    def spent(self) -> Spent:
        """What the run has taken until now."""
        seconds, cpu_seconds = self.before.seconds, self.before.cpu_seconds
        if cpu_seconds is not None:
            cpu_seconds += time.process_time() - self._cpu_began
        seconds += time.perf_counter() - self._began
        return Spent(seconds=seconds, cpu_seconds=cpu_seconds)
