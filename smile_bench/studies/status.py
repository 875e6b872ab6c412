"""Where a study stands: states of jobs, rate, and time left."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from smile_bench.studies.claims import alive_holder
from smile_bench.studies.folder import DONE, FAILED, PENDING, RUNNING, STATES, StudyFolder
from smile_bench.studies.study import Job

__all__ = ["JobStatus", "Status", "look"]


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """Where a job stands."""

    job: Job
    state: str
    iteration: int = 0
    """Done so far, while it runs or waits to be continued."""
    seconds: float = 0.0
    """Of training so far."""
    host: str = ""
    """Where it runs."""
    failure: str = ""
    """The last line of what went wrong."""
    diverged: tuple[int, ...] = ()
    """Seeds whose training stopped at numbers that are not finite."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a study stands."""

    jobs: Sequence[JobStatus]

    def of(self, state: str) -> list[JobStatus]:
        """The jobs in a state."""
        return [job for job in self.jobs if job.state == state]

    def count(self, state: str) -> int:
        """How many jobs are in a state."""
        return len(self.of(state))

    @property
    def seconds_left(self) -> float | None:
        """Seconds of one worker until all is done; None while nothing is known of a rate.

        A job takes as long as those of its agent and family took, else as the mean of all.
        """
        known: dict[tuple[str, str], list[float]] = defaultdict(list)
        for one in self.of(DONE):
            if one.seconds > 0.0:
                known[one.job.cell.agent, one.job.cell.family].append(
                    one.seconds / len(one.job.seeds)
                )
        if not known:
            return None
        usual = mean(mean(times) for times in known.values())
        left = 0.0
        for one in self.jobs:
            if one.state in (PENDING, RUNNING):
                times = known.get((one.job.cell.agent, one.job.cell.family))
                each = mean(times) if times else usual
                left += max(0.0, each * len(one.job.seeds) - one.seconds)
        return left

    def summary(self) -> str:
        """One line."""
        parts = [f"{self.count(state)} {state}" for state in STATES if self.count(state)]
        left, running = self.seconds_left, self.count(RUNNING)
        if left and running:
            parts.append(f"about {duration(left / running)} left with {running} at once")
        elif left:
            parts.append(f"about {duration(left)} of one worker left")
        return ", ".join(parts) or "no jobs"


def look(folder: StudyFolder) -> Status:
    """Look at every job of a study."""
    return Status(jobs=[_look(folder, job) for job in folder.jobs])


def duration(seconds: float) -> str:
    """Seconds as text: ``"45 s"``, ``"12 min"``, ``"3.5 h"``."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def _look(folder: StudyFolder, job: Job) -> JobStatus:
    state, where = folder.state(job), folder.of(job)
    iteration, seconds = _progress(where / f"seed-{job.seeds[0]}" / "progress.csv")
    holder = alive_holder(where) if state == RUNNING else None
    return JobStatus(
        job=job,
        state=state,
        iteration=iteration,
        seconds=seconds,
        host="" if holder is None else holder.host,
        failure=folder.failure(job) or "" if state == FAILED else "",
        diverged=tuple(seed for seed in job.seeds if folder.diverged(job.cell, seed)),
    )


def _progress(path: Path) -> tuple[int, float]:
    """Iterations and seconds by a training's log; 0 where it is missing or damaged."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return int(rows[-1]["iteration"]), float(rows[-1]["seconds"])
    except (OSError, ValueError, TypeError, LookupError, csv.Error):
        return 0, 0.0
