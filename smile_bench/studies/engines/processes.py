"""The engine of one machine: single-threaded worker processes, started again when they die."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from smile_bench.errors import StudyError
from smile_bench.studies.claims import alive_holder, last_holder
from smile_bench.studies.folder import DONE, FAILED, PENDING, RUNNING, StudyFolder
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
DEATHS_AMONG_OTHERS = 20
"""The same, if workers died elsewhere meanwhile: then it may not be the job that kills them."""
CRASHES = 20
"""After so many workers in a row died before they had a job, none is started any more."""
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
    """Run a study's jobs in worker processes until each is done or has failed.

    A worker that dies is replaced, and another one continues its job from the checkpoint. Ctrl-C
    ends the workers, and so does the end of this process, however it comes; their last checkpoints
    stand. Jobs that other runs do are waited for, and done here if those runs die. If another run
    has changed the study meanwhile, this one does what the study has become.

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
    with tqdm(unit="job", disable=None) as bar:
        try:
            while True:
                status = pool.look()
                bar.total = len(status.jobs)
                bar.n = status.count(DONE) + status.count(FAILED)
                bar.set_postfix_str(status.summary(), refresh=True)
                if not (status.count(PENDING) or status.count(RUNNING) or pool.workers):
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
        self._started = self._crashes = 0
        self._deaths: Counter[str] = Counter()
        self._all_deaths = 0
        self._deaths_before: dict[str, int] = {}
        self._progress: dict[str, float] = {}

    def look(self) -> Status:
        """The state of every job of the study as it is now."""
        self.folder = self.folder.current()
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
        """End all workers: politely, and at once after another Ctrl-C or some seconds."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE
        try:
            for worker in self.workers:
                with suppress(subprocess.TimeoutExpired):
                    worker.process.wait(max(0.1, until - time.monotonic()))
        finally:
            for worker in self.workers:
                worker.process.kill()
                worker.process.wait()
                _close(worker)
            self.workers.clear()

    def _start(self) -> None:
        self._started += 1
        logs = self.folder.path / "logs"
        logs.mkdir(exist_ok=True)
        path = logs / f"worker-{platform.node()}-{os.getpid()}-{self._started}.log"
        command = [sys.executable, "-m", "smile_bench", "study", "work", str(self.folder.path)]
        command += ["--attached", "--device", self.options.device]
        if self.options.compile is not None:
            command.append("--compile" if self.options.compile else "--no-compile")
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # It closes when this process ends, which ends the worker.
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                start_new_session=True,  # Ctrl-C comes here alone, and is passed on once.
            )
        self.workers.append(_Worker(process, path))

    def _ended(self, worker: _Worker, status: int) -> None:
        _close(worker)
        if status == FATAL:
            unsaid = f"a worker ended and {worker.log} does not say why. Is the disk full?"
            raise StudyError(_last_line(worker.log) or unsaid)
        if status in (0, LOST):
            self._crashes = 0
            return
        # It was killed, or crashed: count it against the job that it held.
        held = [job for job in self.folder.jobs if self._held_by(job, worker.process.pid)]
        self._crashes = 0 if held else self._crashes + 1
        self._all_deaths += 1
        for job in held:
            self._count(job, worker, status)
        if self._crashes >= CRASHES:
            raise StudyError(
                f"{CRASHES} workers in a row ended before they had a job, the last one with "
                f"{_how(worker, status)}. {worker.log} has the rest."
            )

    def _held_by(self, job: Job, pid: int) -> bool:
        holder = last_holder(self.folder.of(job))
        return holder is not None and holder.pid == pid and holder.lives() is False

    def _count(self, job: Job, worker: _Worker, status: int) -> None:
        """Count a death; a job at which workers keep dying has failed."""
        further = _newest(self.folder.of(job))
        if further > self._progress.get(job.id, 0.0) or job.id not in self._deaths_before:
            self._deaths[job.id], self._progress[job.id] = 0, further
            self._deaths_before[job.id] = self._all_deaths - 1
        self._deaths[job.id] += 1
        died = self._deaths[job.id]
        alone = died == self._all_deaths - self._deaths_before[job.id]
        limit = DEATHS if alone else DEATHS_AMONG_OTHERS
        if died >= limit and alive_holder(self.folder.of(job)) is None:
            self.folder.fail(
                job,
                f"{died} workers died at it without getting further, the last one with "
                f"{_how(worker, status)}",
            )


def _close(worker: _Worker) -> None:
    """Close the end of the pipe that an ended worker read."""
    assert worker.process.stdin is not None
    worker.process.stdin.close()


def _how(worker: _Worker, status: int) -> str:
    """How a worker has ended, for messages."""
    how = f"signal {-status}" if status < 0 else f"status {status}"
    last = _last_line(worker.log)
    unsaid = " (out of memory?)" if status == -signal.SIGKILL else ""
    return f"{how}: {last}" if last and status > 0 else f"{how}{unsaid}"


def _newest(where: Path) -> float:
    """When the newest checkpoint or result below a job's folder was written."""
    times = [p.stat().st_mtime for p in where.glob("seed-*/checkpoint.safetensors")]
    times += [p.stat().st_mtime for p in where.glob("seed-*/primary/result.json")]
    return max(times, default=0.0)


def _last_line(log: Path) -> str:
    text = log.read_bytes()[-4096:].decode("utf-8", "replace").strip()
    return text.splitlines()[-1].removeprefix("smile-bench: ")[:400] if text else ""
