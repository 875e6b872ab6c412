"""The engine on Ray: jobs as tasks of a cluster, or of a local one that is started for them."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from smile_bench.errors import StudyError, clipped
from smile_bench.studies.engines.task import Task, tasks_left
from smile_bench.studies.folder import DONE, FAILED, RUNNING, StudyFolder
from smile_bench.studies.status import Status, look
from smile_bench.studies.study import Job
from smile_bench.studies.work import WorkerOptions

__all__ = ["run_ray"]

AHEAD = 2
"""Tasks that Ray holds for each worker, so that none waits for this process."""
DEATHS = 5
"""Workers that may die at one task."""
LOOK = 5.0
"""Seconds between two looks at the whole folder."""
PATIENCE = 10.0
"""Seconds that tasks have to end after Ctrl-C."""
STORE = 100 << 20
"""Bytes of the object store of a local cluster; tasks pass next to nothing."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
"""Environment of Ray: no statistics of usage, no changes of behaviour that it would warn of."""


def run_ray(
    folder: StudyFolder, options: WorkerOptions, workers: int, address: str | None = None
) -> Status:
    """Run a study's jobs as Ray tasks until each is done or has failed.

    A task takes one CPU, and one GPU if it trains on one. If its worker dies, Ray starts it again,
    which continues the job from its checkpoint.

    Args:
        folder: of the study. Every machine of the cluster must reach it under the same path.
        options: how workers compute.
        workers: CPUs of the local cluster that is started; with ``address``, tasks at once.
        address: of a running cluster, such as ``"auto"`` or ``"10.0.0.1:6379"``.

    Returns:
        What is done and what has failed.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        StudyError: a worker met a problem that would end all others, such as a full disk, or there
            is no such cluster.
    """
    os.environ.update(QUIET)  # Ray reads them when it is imported.
    import ray

    gpu = options.device.startswith("cuda")
    _connect(ray, workers, address, gpu)
    try:
        submit = ray.remote(num_cpus=1, num_gpus=1 if gpu else 0, max_retries=DEATHS - 1)(
            _call
        ).remote
        # Ray shows a task its own GPU alone.
        given = replace(options, device="cuda") if gpu else options
        return _run(ray, submit, folder, given, AHEAD * workers)
    finally:
        ray.shutdown()


def _call(task: Task) -> str | None:
    return task()


def _connect(ray: Any, workers: int, address: str | None, gpu: bool) -> None:
    """Start a local cluster, or join one."""
    common = {"include_dashboard": False} if address is None else {"address": address}
    local = {"num_cpus": workers, "object_store_memory": STORE, "_node_ip_address": "127.0.0.1"}
    if not gpu:
        local["num_gpus"] = 0
    try:
        ray.init(
            **common,
            **({} if address else local),
            logging_level="ERROR",
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address}" if address else "a local Ray cluster"
        raise StudyError(f"cannot use {where}: {clipped(str(error))}") from error


def _run(
    ray: Any, submit: Any, folder: StudyFolder, options: WorkerOptions, at_once: int
) -> Status:
    running: dict[Any, Job] = {}
    waiting: deque[tuple[Job, Task]] = deque()
    asked = 0.0
    with tqdm(unit="job", disable=None) as bar:
        try:
            while True:
                if not (running or waiting) or time.monotonic() - asked > LOOK:
                    folder = folder.current()
                    status, asked = look(folder), time.monotonic()
                    _show(bar, status)
                    if not (running or waiting):
                        waiting.extend(tasks_left(folder, options, status))
                        if not waiting and not status.count(RUNNING):
                            return status
                while waiting and len(running) < at_once:
                    job, task = waiting.popleft()
                    running[submit(task)] = job
                if not running:
                    time.sleep(LOOK)  # Other runs do what is left.
                    continue
                for ended in ray.wait(list(running), num_returns=1, timeout=LOOK)[0]:
                    _end(ray, folder, running.pop(ended), ended)
        finally:
            for reference in running:
                ray.cancel(reference)
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=PATIENCE)


def _end(ray: Any, folder: StudyFolder, job: Job, reference: Any) -> None:
    """See how a task has ended.

    Raises:
        StudyError: from the task.
    """
    try:
        ray.get(reference)
    except StudyError as error:
        raise StudyError(str(getattr(error, "cause", error))) from error
    except ray.exceptions.RayTaskError as error:
        folder.fail(job, f"its task has failed: {type(error.cause).__name__}: {error.cause}")
    except ray.exceptions.RayError as error:  # The worker died too often, or was out of memory.
        folder.fail(job, f"{DEATHS} workers died at it, the last one with: {error}")


def _show(bar: Any, status: Status) -> None:
    bar.total = len(status.jobs)
    bar.n = status.count(DONE) + status.count(FAILED)
    bar.set_postfix_str(status.summary(), refresh=True)
