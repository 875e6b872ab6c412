"""The engine on Slurm, through submitit: jobs as an array."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from smile_bench.errors import InputError, StudyError, clipped, require_known, shown
from smile_bench.studies.engines.task import Task, tasks_left
from smile_bench.studies.folder import DONE, FAILED, StudyFolder
from smile_bench.studies.status import Status, look
from smile_bench.studies.study import Job
from smile_bench.studies.work import WorkerOptions

__all__ = ["CLUSTERS", "parse_parameters", "run_submitit"]

CLUSTERS = ("slurm", "local", "debug")
GENERAL = (
    "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node", "name",
)  # fmt: skip
"""Parameters that submitit translates for every cluster; others are Slurm's own."""
USUAL: Mapping[str, Any] = {"timeout_min": 24 * 60, "cpus_per_task": 1}
TIMEOUTS = 100
"""How often Slurm queues a job again that was out of time."""
ARRAY = 1000
"""Jobs of one array; Slurm allows 1001 unless configured otherwise."""
POLL = 0.5
"""Seconds between two looks at submitted jobs."""
LOOK = 5.0
"""Seconds between two looks at the whole folder."""

Submitted = tuple[Job, Any]
"""A job of the study, and submitit's."""


@dataclass(frozen=True)
class SubmittedTask(Task):
    """A task that submitit queues again if it is preempted or out of time."""

    def checkpoint(self) -> Any:
        """What to do in its next allocation: the same, which continues where this one was cut."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def parse_parameters(given: Sequence[str]) -> dict[str, str | int]:
    """Parameters such as ``"partition=dev"`` and ``"time=60"``, whole numbers as such.

    Raises:
        InputError: one is not of this form, or is given twice.
    """
    found: dict[str, str | int] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name.isidentifier() and equals and value):
            raise InputError(f"--slurm takes KEY=VALUE, such as partition=dev; got {shown(text)}.")
        if name in found:
            raise InputError(f"--slurm gives {name} twice; give it once.")
        found[name] = int(value) if value.isascii() and value.isdigit() else value
    return found


def run_submitit(
    folder: StudyFolder,
    options: WorkerOptions,
    *,
    cluster: str = "slurm",
    parameters: Mapping[str, str | int] | None = None,
    workers: int,
    wait: bool = False,
) -> Status:
    """Submit a study's jobs that are neither done nor failed, and return or wait for their end.

    Slurm gets them as arrays. The other clusters run on this machine, and this waits for them.

    Args:
        folder: of the study. Every node must reach it under the same path.
        options: how workers compute.
        cluster: ``"slurm"``, ``"local"`` for processes of this machine, or ``"debug"`` for this
            process.
        parameters: Slurm's, such as ``{"partition": "dev", "time": 60}``, or submitit's.
        workers: jobs at once.
        wait: whether to wait for the end on Slurm.

    Returns:
        What is done and what has failed when this returns.

    Raises:
        ModuleNotFoundError: submitit is not installed.
        UnknownNameError: no such cluster.
        InputError: no such parameter, or one of another type.
        StudyError: there is no Slurm here, it refuses the jobs, or a job met a problem that would
            end all others, such as a full disk.
    """
    require_known("cluster", [cluster], CLUSTERS)
    submit = _submitter(folder, options, cluster, parameters or {}, workers)
    tasks = [
        (job, SubmittedTask(**vars(task)))
        for job, task in tasks_left(folder, options, look(folder))
    ]
    if cluster != "slurm":
        rounds = _in_turn(submit, tasks, 1 if cluster == "debug" else workers, cluster)
        return _follow(folder, rounds)
    submitted: list[Submitted] = []
    for start in range(0, len(tasks), ARRAY):
        submitted += submit(tasks[start : start + ARRAY])
    if submitted:
        first, last = submitted[0][1].job_id, submitted[-1][1].job_id
        print(
            f"submitted {len(submitted)} jobs to Slurm, {first} to {last}; `smile-bench study "
            f"status {folder.path}` says how they stand"
        )
    return _follow(folder, _until_ended(submitted)) if wait else look(folder)


def _submitter(
    folder: StudyFolder,
    options: WorkerOptions,
    cluster: str,
    parameters: Mapping[str, str | int],
    workers: int,
) -> Callable[[Sequence[tuple[Job, Task]]], list[Submitted]]:
    """What submits tasks, as one array where the cluster has arrays."""
    import submitit
    from submitit.core.utils import FailedJobError

    given = {name if name in GENERAL else f"slurm_{name}": v for name, v in parameters.items()}
    gpu = {"gpus_per_node": 1} if options.device.startswith("cuda") else {}
    array = {"name": f"study-{folder.study.name}", "slurm_array_parallelism": workers}
    try:
        executor = submitit.AutoExecutor(
            folder.path.resolve() / "logs" / "submitit", cluster, slurm_max_num_timeout=TIMEOUTS
        )
    except RuntimeError as error:
        raise StudyError(
            f"there is no Slurm here ({clipped(str(error))}). Run this where sbatch is, or give "
            "--cluster local."
        ) from error
    try:
        executor.update_parameters(**{**USUAL, **gpu, **array, **given})
    except (NameError, AssertionError, TypeError, ValueError) as error:
        raise InputError(f"--slurm: {clipped(str(error), 2000)}") from error

    def submit(tasks: Sequence[tuple[Job, Task]]) -> list[Submitted]:
        try:
            with executor.batch():
                made = [executor.submit(task) for _, task in tasks]
        except FailedJobError as error:
            raise StudyError(f"Slurm refuses the jobs: {clipped(str(error), 400)}") from error
        return [(job, one) for (job, _), one in zip(tasks, made, strict=True)]

    return submit


def _in_turn(
    submit: Callable[[Sequence[tuple[Job, Task]]], list[Submitted]],
    tasks: Sequence[tuple[Job, Task]],
    at_once: int,
    cluster: str,
) -> Generator[list[Submitted], None, None]:
    """Submit tasks while fewer than some are at work; yield those that have ended, ever again."""
    waiting, active = deque(tasks), list[Submitted]()
    try:
        while waiting or active:
            while waiting and len(active) < at_once:
                active += submit([waiting.popleft()])
            # A job of the debug cluster is done when its end is asked for.
            ended = [one for one in active if cluster == "debug" or one[1].done()]
            active = [one for one in active if one not in ended]
            yield ended
            if not ended:
                time.sleep(POLL)
    finally:
        for _, submitted in active:
            submitted.cancel(check=False)


def _until_ended(submitted: Sequence[Submitted]) -> Generator[list[Submitted], None, None]:
    """Yield the jobs that have ended, until all have. Those that have not stay if this is cut."""
    active = list(submitted)
    while active:
        ended = [one for one in active if one[1].done()]
        active = [one for one in active if one not in ended]
        yield ended
        if not ended:
            time.sleep(LOOK)


def _follow(folder: StudyFolder, rounds: Generator[list[Submitted], None, None]) -> Status:
    """Show how submitted jobs stand until all have ended."""
    asked = 0.0
    with tqdm(unit="job", disable=None) as bar, closing(rounds):
        for ended in rounds:
            for job, submitted in ended:
                _end(folder, job, submitted)
            if time.monotonic() - asked > LOOK:
                status, asked = look(folder), time.monotonic()
                bar.total = len(status.jobs)
                bar.n = status.count(DONE) + status.count(FAILED)
                bar.set_postfix_str(status.summary(), refresh=True)
    return look(folder)


def _end(folder: StudyFolder, job: Job, submitted: Any) -> None:
    """See how a submitted job has ended.

    Raises:
        StudyError: from the job.
    """
    error = submitted.exception()
    if error is None:
        return
    said = re.search(r"StudyError: (.+)", f"{type(error).__name__}: {error}")
    if said is not None:
        raise StudyError(said[1])
    if not folder.done(job):
        lines = [line for line in str(error).splitlines() if line.strip()]
        last = next((line for line in lines if "Error" in line), lines[-1] if lines else "")
        folder.fail(job, f"its job {submitted.job_id} has ended without a result: {last}")
