"""``study run`` and ``study work``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_bench.cli.studies.engines import (
    add_engine_options,
    require_engine_options,
    run_engine,
)
from smile_bench.cli.studies.places import usual_folder
from smile_bench.errors import InputError

if TYPE_CHECKING:
    from smile_bench.studies.folder import StudyFolder
    from smile_bench.studies.work import WorkerOptions

__all__ = ["add_run_command", "add_work_command"]

PATIENCE = 10.0
"""Seconds that a worker has to end by itself."""
INTERRUPTED = 130


def add_run_command(commands: Any) -> None:
    """Add ``run`` to the subcommands of ``study``."""
    run = commands.add_parser(
        "run",
        help="run a study, or what is left of it",
        description="Run a study's jobs. What is done is not done again, and what was interrupted "
        "continues. Several runs may share a folder. The exit status is 1 if a job has failed.",
    )
    run.add_argument(
        "study", help="the study's file, or the folder of one that was begun, to continue it"
    )
    run.add_argument(
        "--folder", metavar="DIR", help="where results go, by default runs/studies/NAME"
    )
    add_engine_options(run)
    run.add_argument(
        "--reuse",
        metavar="DIR",
        action="append",
        default=[],
        help="copy results of cells that another study's folder has; may be given several times",
    )
    run.add_argument("--retry", action="store_true", help="try jobs again that have failed")
    _add_compute(run)
    run.set_defaults(run=_run)


def add_work_command(commands: Any) -> None:
    """Add ``work`` to the subcommands of ``study``."""
    work = commands.add_parser(
        "work",
        help="do jobs of a study in this process",
        description="Do a study's jobs, one after another, until none is left that nobody does. "
        "`study run` starts such workers; start more wherever the folder can be reached.",
    )
    work.add_argument("folder", help="the folder that `study run` has made")
    work.add_argument(
        "--attached",
        action="store_true",
        help="end when standard input does, as the workers of `study run` do when the run ends",
    )
    work.add_argument("--job", action="append", metavar="ID", help="only this job; may be repeated")
    _add_compute(work)
    work.set_defaults(run=_work)


def _add_compute(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="as `smile-bench train` has it"
    )


def _options(arguments: argparse.Namespace) -> WorkerOptions:
    from smile_bench.studies.work import WorkerOptions

    return WorkerOptions(device=arguments.device, compile=arguments.compile)


def _run(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.checking import damaged_results
    from smile_bench.studies.folder import FAILED, StudyFolder
    from smile_bench.studies.keeping import reuse
    from smile_bench.studies.status import look

    require_engine_options(arguments)
    _require_device(arguments.device)
    folder = _folder(arguments)
    if arguments.retry:
        for job in look(folder).of(FAILED):
            folder.forgive(job.job)
    for other in arguments.reuse:
        copied = reuse(folder, StudyFolder.open(other))
        print(f"copied {copied} trainings from {other}")
    _prepare(folder)
    status = run_engine(folder, _options(arguments), arguments)
    print(f"{folder.study.name} in {folder.path}: {status.summary()}")
    damaged = list(damaged_results(folder))
    for one in status.of(FAILED):
        print(f"failed: {one.job.label}: {one.failure}", file=sys.stderr)
    for problem in damaged:
        print(f"damaged: {problem}", file=sys.stderr)
    return 1 if status.of(FAILED) or damaged else 0


def _folder(arguments: argparse.Namespace) -> StudyFolder:
    """The study's folder: made, or opened if it was given in place of a file."""
    from smile_bench.studies.folder import StudyFolder
    from smile_bench.studies.reading import read_study

    together = 1 if arguments.device == "cpu" else None
    given = Path(arguments.study)
    if not given.is_dir():
        study = read_study(given)
        path = Path(arguments.folder) if arguments.folder else usual_folder(study.name)
        return StudyFolder.make(path, study, together)
    study = StudyFolder.open(given).study
    return StudyFolder.make(Path(arguments.folder or given), study, together)


def _require_device(device: str) -> None:
    """Refuse a device that is not there, before every job fails at it."""
    if device != "cpu":
        from smile_bench.learning.devices import find_device

        find_device(device)


def _prepare(folder: StudyFolder) -> None:
    """Build the demonstrations that jobs will need, once, before workers do so at once."""
    from smile_bench.datasets.conditions import condition_dataset

    needed = (
        job.cell.condition.on(job.cell.family)
        for job in folder.jobs
        if job.cell.trained and not folder.done(job)
    )
    for condition in dict.fromkeys(needed):
        if not condition.ships:
            condition_dataset(condition)


def _work(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.folder import StudyFolder
    from smile_bench.studies.work import work

    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, force=True)
    folder = StudyFolder.open(arguments.folder)
    jobs = folder.jobs
    if arguments.job:
        known = {job.id: job for job in jobs}
        if unknown := [job for job in arguments.job if job not in known]:
            raise InputError(
                f"the study {folder.study.name} has no job {unknown[0]!r}; `smile-bench study "
                "status --jobs` lists them."
            )
        jobs = [known[job] for job in arguments.job]
    if arguments.attached:
        threading.Thread(target=_end_with_input, name="attached", daemon=True).start()
    work(folder, _options(arguments), jobs)
    return 0


def _end_with_input() -> None:
    """Interrupt this process when its standard input ends, and end it if that does not help."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(INTERRUPTED)
