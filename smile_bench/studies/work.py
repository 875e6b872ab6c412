"""What a worker does: claim jobs, train, evaluate, seal, until nothing is left."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from smile_bench.access import Access
from smile_bench.baselines.registry import TrainingSpec, get_agent
from smile_bench.baselines.training import ComputeOptions, train
from smile_bench.errors import SmileError, StudyError, clipped
from smile_bench.protocol import evaluate
from smile_bench.protocol.result import RESULT_FILE
from smile_bench.settings import replaced
from smile_bench.studies.claims import STALE, Claim, try_claim
from smile_bench.studies.folder import DONE, FAILED, StudyFolder
from smile_bench.studies.study import Job

__all__ = ["BUSY", "Worker", "WorkerOptions", "work"]

BUSY = "busy"
"""What :meth:`Worker.perform` says of a job that another worker does."""
FULL = (errno.ENOSPC, errno.EDQUOT)
POLL = 5.0
"""Seconds between two tries at a job that another worker seems to do."""
LOST = 75
"""Exit status of a worker whose job another one has taken over."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """How a worker computes; the results' cells do not depend on it."""

    device: str = "cpu"
    compile: bool | None = None


def work(folder: StudyFolder, options: WorkerOptions, jobs: Sequence[Job] | None = None) -> int:
    """Do jobs until none is left that this worker could do.

    Args:
        folder: of the study.
        options: how to compute.
        jobs: those to look at, by default all of the study.

    Returns:
        How many this worker has finished.

    Raises:
        StudyError: the disk is full.
    """
    worker, finished = Worker(folder, options), 0
    for job in folder.jobs if jobs is None else jobs:
        if worker.perform(job) == DONE:
            finished += 1
    return finished


class Worker:
    """Performs jobs, one after another.

    Args:
        folder: of the study.
        options: how to compute.
    """

    def __init__(self, folder: StudyFolder, options: WorkerOptions) -> None:
        self.folder, self.options = folder, options

    def perform(self, job: Job) -> str | None:
        """Do a job, or what is left of it.

        Returns:
            ``"done"`` or ``"failed"`` if this worker brought it there, ``"busy"`` if another one
            does it, None if there was nothing to do.

        Raises:
            StudyError: the disk is full, or the job's folder cannot be written.
        """
        folder = self.folder
        if folder.done(job) or folder.failure(job) is not None:
            return None
        try:
            claim = try_claim(folder.of(job), _lost)
            if claim is None:
                return BUSY
            with claim:
                if folder.done(job) or folder.failure(job) is not None:
                    return None  # Finished between the look and the claim.
                log.info("%s", job.label)
                return self._attempt(job, claim)
        except OSError as error:
            raise StudyError(
                f"cannot write into {folder.of(job)}: {clipped(str(error))}. Mend that and run the "
                "study again; everything that was finished is kept."
            ) from error

    def perform_alone(self, job: Job, poll: float = POLL) -> str | None:
        """As :meth:`perform`, for a process that was started for this job.

        A claim whose holder was killed on another machine looks alive for a while. This waits as
        long and tries again.

        Args:
            job: what to do.
            poll: seconds between two tries.
        """
        until = time.monotonic() + STALE + poll
        while (state := self.perform(job)) == BUSY and time.monotonic() < until:
            time.sleep(poll)
        return state

    def _attempt(self, job: Job, claim: Claim) -> str:
        try:
            self.folder.describe(job)
            self._train_and_evaluate(job, claim)
        except Exception as error:  # Of any kind: one job must not end the others.
            if any(getattr(one, "errno", None) in FULL for one in _causes(error)):
                raise StudyError(
                    f"the disk of {self.folder.path} is full, at {job.label}. Free some space and "
                    "run the study again; everything that was finished is kept."
                ) from error
            return self._failed(job, error)
        return DONE

    def _failed(self, job: Job, error: Exception) -> str:
        where = self.folder.of(job)
        lines = traceback.format_exception(error)
        (where / "traceback.txt").write_text("".join(lines), encoding="utf-8")
        named = "" if isinstance(error, SmileError) else f"{type(error).__name__}: "
        self.folder.fail(job, f"{named}{error}".rstrip(": "))
        print(f"failed: {job.label}: {self.folder.failure(job)}", file=sys.stderr, flush=True)
        return FAILED

    def _train_and_evaluate(self, job: Job, claim: Claim) -> None:
        spec, family = get_agent(job.cell.agent), job.cell.family
        where = self.folder.of(job)
        agents: dict[int, Callable[[], object]]
        if spec.training is None:
            agents = {seed: partial(spec.make, family) for seed in job.seeds}
        else:
            trained = self._train(job, spec.training, where)
            agents = {s: partial(spec.read_weights, path, family) for s, path in trained.items()}
        for seed, make in agents.items():
            self._evaluate(make(), job, where / f"seed-{seed}", claim)

    def _train(self, job: Job, training: TrainingSpec, where: Path) -> dict[int, Path]:
        """Train the seeds of a job, or continue; the weights of those that came to their end."""
        cell, options = job.cell, self.options
        access = Access(
            cell.family,
            track=training.track,
            state_only=training.state_only,
            condition=cell.condition,
        )
        many = training.trainings is not None
        if options.device == "cpu":
            from smile_bench.learning.devices import use_one_thread

            use_one_thread()
        compute = ComputeOptions(precision=cell.precision, compile=options.compile)
        trained = train(
            cell.agent,
            access,
            where,
            seeds=self.folder.seeds_left(job),
            device=options.device if many else "cpu",
            compute=compute if many else ComputeOptions(),
            configure=lambda config: replaced(config, dict(cell.changes)),
            settings=dict(cell.changes),
        )
        return dict(trained.paths)

    def _evaluate(self, agent: object, job: Job, where: Path, claim: Claim) -> None:
        place = where / "primary"
        if (place / RESULT_FILE).exists():
            return
        result = evaluate(agent, job.cell.family, name=job.cell.agent, threads=1)  # type: ignore[arg-type]
        if claim.lost():
            _lost()
        result.save(place)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _lost() -> None:
    """End this process: another one has taken its job over, and both would write the same files."""
    print("another worker has taken over this job; this one ends.", file=sys.stderr, flush=True)
    os._exit(LOST)
