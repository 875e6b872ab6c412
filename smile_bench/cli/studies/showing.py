"""``study status``."""

from __future__ import annotations

import argparse
from typing import Any

from smile_bench.cli.studies.places import add_place, opened_folder

__all__ = ["add_status_command"]


def add_status_command(commands: Any) -> None:
    """Add ``status`` to the subcommands of ``study``."""
    status = commands.add_parser("status", help="what is done, runs, waits and has failed")
    add_place(status)
    status.add_argument("--jobs", action="store_true", help="list every job with its id")
    status.set_defaults(run=_status)


def _status(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.folder import FAILED, RUNNING
    from smile_bench.studies.status import duration, look

    folder = opened_folder(arguments)
    status = look(folder)
    print(f"{folder.study.name} in {folder.path}: {status.summary()}")
    for one in status.jobs:
        if arguments.jobs or one.state == RUNNING:
            done = f"iteration {one.iteration}, {duration(one.seconds)}" if one.iteration else ""
            where = f" on {one.host}" if one.host else ""
            print(f"{one.state:8}{one.job.id}  {one.job.label}{where}  {done}".rstrip())
    for one in status.of(FAILED):
        print(f"failed: {one.job.label}: {one.failure}")
    for one in status.jobs:
        for seed in one.diverged:
            print(f"diverged: {one.job.cell.label} | seed {seed}")
    return 0
