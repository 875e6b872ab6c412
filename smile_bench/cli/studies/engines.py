"""Options that say where the workers of ``study run`` are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from smile_bench.errors import InputError, require_known

if TYPE_CHECKING:
    from smile_bench.studies.folder import StudyFolder
    from smile_bench.studies.status import Status
    from smile_bench.studies.work import WorkerOptions

__all__ = ["add_engine_options", "require_engine_options", "run_engine"]

ENGINES = ("processes", "ray", "slurm")
OWN = {"address": ("ray",), "cluster": ("slurm",), "slurm": ("slurm",), "wait": ("slurm",)}
"""Options that only some engines have."""
SUBMITTED = 100
"""Jobs at once on Slurm, by default."""


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose an engine."""
    parser.add_argument(
        "--engine",
        default="processes",
        help="where workers run: processes of this machine (default), ray or slurm",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="workers at once; by default one a processor, one on a GPU, 100 on Slurm",
    )
    parser.add_argument(
        "--address", help="ray: a running cluster, such as auto; by default a local one is started"
    )
    parser.add_argument(
        "--slurm",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="slurm: a parameter, such as partition=dev, time=60 or mem=4GB; may be repeated",
    )
    parser.add_argument(
        "--cluster", help="slurm: slurm (default), local for processes of submitit, or debug"
    )
    parser.add_argument("--wait", action="store_true", help="slurm: wait until the jobs have ended")


def require_engine_options(arguments: argparse.Namespace) -> None:
    """Refuse options that do not exist or belong to another engine.

    Raises:
        UnknownNameError: no such engine.
        InputError: the number of workers is below 1, or an option is of another engine.
    """
    require_known("engine", [arguments.engine], ENGINES)
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers is {arguments.workers}; give 1 or more.")
    for name, engines in OWN.items():
        if getattr(arguments, name) and arguments.engine not in engines:
            raise InputError(f"--{name} needs --engine {engines[0]}; got {arguments.engine}.")


def run_engine(
    folder: StudyFolder, options: WorkerOptions, arguments: argparse.Namespace
) -> Status:
    """Run a study on the chosen engine.

    Raises:
        StudyError, InputError: as the engine has it.
        ModuleNotFoundError: its extra is not installed.
    """
    from smile_bench.studies.engines.processes import available_processors, run_processes

    here = available_processors() if options.device == "cpu" else 1
    if arguments.engine == "ray":
        from smile_bench.studies.engines.ray import run_ray

        return run_ray(folder, options, arguments.workers or here, arguments.address)
    if arguments.engine == "slurm":
        from smile_bench.studies.engines.slurm import parse_parameters, run_submitit

        cluster = arguments.cluster or "slurm"
        return run_submitit(
            folder,
            options,
            cluster=cluster,
            parameters=parse_parameters(arguments.slurm),
            workers=arguments.workers or (SUBMITTED if cluster == "slurm" else here),
            wait=arguments.wait,
        )
    return run_processes(folder, options, arguments.workers or here)
