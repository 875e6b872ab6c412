"""What a worker does: claim jobs, train, evaluate, seal, until nothing is left."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smile_bench.access import Access
from smile_bench.baselines.registry import TrainingSpec, get_agent
from smile_bench.baselines.training import ComputeOptions, train
from smile_bench.errors import SmileError, StudyError
from smile_bench.protocol import evaluate
from smile_bench.settings import replaced
from smile_bench.studies.claims import try_claim
from smile_bench.studies.folder import DONE, FAILED, StudyFolder
from smile_bench.studies.study import Job

__all__ = ["BUSY", "Worker", "WorkerOptions", "work"]

BUSY = "busy"
"""What :meth:`Worker.perform` says of a job that another worker does."""
FULL = (errno.ENOSPC, errno.EDQUOT)
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
            StudyError: the disk is full.
        """
        folder = self.folder
        if folder.done(job) or folder.failure(job) is not None:
            return None
        claim = try_claim(folder.of(job), _lost)
        if claim is None:
            return BUSY
        with claim:
            if folder.done(job) or folder.failure(job) is not None:
                return None  # Finished between the look and the claim.
            log.info("%s", job.label)
            return self._attempt(job)

    def _attempt(self, job: Job) -> str:
        try:
            self.folder.describe(job)
            self._train_and_evaluate(job)
        except OSError as error:
            if error.errno in FULL:
                raise StudyError(
                    f"the disk of {self.folder.path} is full, at {job.label}. Free some space and "
                    "run the study again; everything that was finished is kept."
                ) from error
            return self._failed(job, error)
        except Exception as error:  # Of any kind: one job must not end the others.
            return self._failed(job, error)
        return DONE

    def _failed(self, job: Job, error: Exception) -> str:
        where = self.folder.of(job)
        lines = traceback.format_exception(error)
        (where / "traceback.txt").write_text("".join(lines), encoding="utf-8")
        named = "" if isinstance(error, SmileError) else f"{type(error).__name__}: "
        self.folder.fail(job, f"{named}{error}")
        print(f"failed: {job.label}: {self.folder.failure(job)}", file=sys.stderr, flush=True)
        return FAILED

    def _train_and_evaluate(self, job: Job) -> None:
        spec, family = get_agent(job.cell.agent), job.cell.family
        where = self.folder.of(job)
        if spec.training is None:
            for seed in job.seeds:
                self._evaluate(spec.make(family), job, where / f"seed-{seed}")
            return
        for seed, path in self._train(job, spec.training, where).items():
            self._evaluate(spec.read_weights(path, family), job, where / f"seed-{seed}")

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
        compute = ComputeOptions(precision=cell.precision, compile=options.compile)
        trained = train(
            cell.agent,
            access,
            where,
            seeds=job.seeds,
            device=options.device if many else "cpu",
            compute=compute if many else ComputeOptions(),
            configure=lambda config: replaced(config, dict(cell.changes)),
            settings=dict(cell.changes),
        )
        return dict(trained.paths)

    def _evaluate(self, agent: object, job: Job, where: Path) -> None:
        if (where / "primary" / "result.json").exists():
            return
        evaluate(agent, job.cell.family, name=job.cell.agent, threads=1).save(where / "primary")  # type: ignore[arg-type]


def _lost() -> None:
    """End this process: another one has taken its job over, and both would write the same files."""
    print("another worker has taken over this job; this one ends.", file=sys.stderr, flush=True)
    os._exit(LOST)
