"""One job as a call that another system makes in a process of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from smile_bench.imports import working_directory_importable
from smile_bench.studies.folder import PENDING, StudyFolder
from smile_bench.studies.status import Status
from smile_bench.studies.study import Job
from smile_bench.studies.work import Worker, WorkerOptions

__all__ = ["Task", "tasks_left"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A job of a study, for a process that can reach the study's folder.

    Calling it performs the job, or what is left of it: a call that was cut off is made again.
    """

    directory: str
    """Where the run was started: modules of the study may lie there."""
    folder: str
    """Of the study, absolute."""
    job: str
    """Its id."""
    options: WorkerOptions

    def __call__(self) -> str | None:
        """Do the job with one thread.

        Returns:
            As :meth:`Worker.perform` does; None also if the study no longer has the job.

        Raises:
            StudyError: nothing can be written, or the study's folder is damaged.
        """
        os.chdir(self.directory)
        with working_directory_importable(), threadpool_limits(limits=1):
            folder = StudyFolder.open(self.folder)
            for job in folder.jobs:
                if job.id == self.job:
                    return Worker(folder, self.options).perform_alone(job)
        return None


def tasks_left(
    folder: StudyFolder, options: WorkerOptions, status: Status
) -> list[tuple[Job, Task]]:
    """The jobs that nobody does, as tasks."""
    directory, path = os.getcwd(), str(folder.path.resolve())  # noqa: PTH109
    return [
        (one.job, Task(directory=directory, folder=path, job=one.job.id, options=options))
        for one in status.of(PENDING)
    ]
