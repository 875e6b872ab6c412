"""The engine of one machine: single-threaded worker processes, started again when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from smile_bench.errors import StudyError
from smile_bench.studies.claims import alive_holder, last_holder
from smile_bench.studies.folder import DONE, FAILED, PENDING, StudyFolder
from smile_bench.studies.status import Status, look
from smile_bench.studies.study import Job
from smile_bench.studies.work import LOST, WorkerOptions

__all__ = ["available_processors", "run_processes"]

POLL = 0.2
"""Seconds between two looks at the workers."""
LOOK = 5.0
"""Seconds between two looks at the whole folder while nothing ends."""
DEATHS = 5
"""After so many workers died at one job without getting further, the job has failed."""
PATIENCE = 10.0
"""Seconds that workers have to end after Ctrl-C."""
FATAL = 2
"""Exit status of a worker whose error no other job would escape, such as a full disk."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def available_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    log: Path


def run_processes(folder: StudyFolder, options: WorkerOptions, workers: int) -> Status:
    """Run a study's jobs in worker processes until none is left.

    Ctrl-C ends the workers; their last checkpoints stand. A worker that dies is replaced, and
    another one continues its job from the checkpoint.

    Args:
        folder: of the study.
        options: how workers compute.
        workers: how many at once.

    Returns:
        What is done and what has failed.

    Raises:
        StudyError: a worker met a problem that would end all others, such as a full disk.
    """
    pool = _Pool(folder, options, workers)
    with tqdm(total=len(folder.jobs), unit="job", disable=None) as bar:
        try:
            while True:
                status = pool.look()
                bar.n = status.count(DONE) + status.count(FAILED)
                bar.set_postfix_str(status.summary(), refresh=True)
                if not status.count(PENDING) and not pool.workers:
                    return status
                pool.fill(status.count(PENDING))
                pool.wait()
        finally:
            pool.end()


class _Pool:
    """The worker processes of a run."""

    def __init__(self, folder: StudyFolder, options: WorkerOptions, size: int) -> None:
        self.folder, self.options, self.size = folder, options, size
        self.workers: list[_Worker] = []
        self._started = 0
        self._deaths: Counter[str] = Counter()
        self._progress: dict[str, float] = {}

    def look(self) -> Status:
        """The state of every job."""
        return look(self.folder)

    def fill(self, pending: int) -> None:
        """Start workers while there are jobs that nobody does."""
        while pending > 0 and len(self.workers) < self.size:
            self._start()
            pending -= 1

    def wait(self) -> None:
        """Wait until a worker ends, or for :data:`LOOK` seconds."""
        until = time.monotonic() + LOOK
        while time.monotonic() < until:
            for worker in list(self.workers):
                if (status := worker.process.poll()) is not None:
                    self.workers.remove(worker)
                    self._ended(worker, status)
                    until = 0.0
            if until:
                time.sleep(POLL)

    def end(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE
        for worker in self.workers:
            try:
                worker.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self.workers.clear()

    def _start(self) -> None:
        self._started += 1
        logs = self.folder.path / "logs"
        logs.mkdir(exist_ok=True)
        path = logs / f"worker-{os.getpid()}-{self._started}.log"
        command = [sys.executable, "-m", "smile_bench", "study", "work", str(self.folder.path)]
        command += ["--device", self.options.device]
        if self.options.compile is not None:
            command.append("--compile" if self.options.compile else "--no-compile")
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
            )
        self.workers.append(_Worker(process, path))

    def _ended(self, worker: _Worker, status: int) -> None:
        if status == FATAL:
            raise StudyError(_last_line(worker.log) or "a worker ended without saying why.")
        if status in (0, LOST):
            return
        # It was killed, or crashed: count it against the job that it held.
        for job in self.folder.jobs:
            if self._held_by(job, worker.process.pid):
                self._count(job, worker, status)

    def _held_by(self, job: Job, pid: int) -> bool:
        holder = last_holder(self.folder.of(job))
        return holder is not None and holder.pid == pid and holder.dead()

    def _count(self, job: Job, worker: _Worker, status: int) -> None:
        """Count a death; a job at which workers keep dying has failed."""
        further = _newest(self.folder.of(job))
        if further > self._progress.get(job.id, 0.0):
            self._deaths[job.id], self._progress[job.id] = 0, further
        self._deaths[job.id] += 1
        if self._deaths[job.id] >= DEATHS and alive_holder(self.folder.of(job)) is None:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            last = _last_line(worker.log)
            self.folder.fail(
                job,
                f"{DEATHS} workers died at it without getting further, the last one with {how}"
                f"{f': {last}' if last else ' (out of memory?)'}",
            )


def _newest(where: Path) -> float:
    """When the newest checkpoint or result below a job's folder was written."""
    times = [p.stat().st_mtime for p in where.glob("seed-*/checkpoint.safetensors")]
    times += [p.stat().st_mtime for p in where.glob("seed-*/primary/result.json")]
    return max(times, default=0.0)


def _last_line(log: Path) -> str:
    text = log.read_bytes()[-4096:].decode("utf-8", "replace").strip()
    return text.splitlines()[-1].removeprefix("smile-bench: ")[:400] if text else ""
