"""``smile-bench study``: run, watch and tabulate many trainings."""

from __future__ import annotations

from typing import Any

from smile_bench.cli.studies.reporting import add_report_command
from smile_bench.cli.studies.running import add_run_command, add_work_command
from smile_bench.cli.studies.showing import (
    add_archive_command,
    add_entry_command,
    add_status_command,
    add_table_command,
)

__all__ = ["add_study_commands"]


def add_study_commands(commands: Any) -> None:
    """Add ``study`` to the subcommands."""
    study = commands.add_parser(
        "study",
        help="run many trainings from one file, and tabulate them",
        description="A study is a TOML file: agents, families, conditions, seeds and settings. "
        "Its jobs survive being killed, and what is done is not done again.",
    )
    subcommands = study.add_subparsers(required=True, metavar="command")
    add_run_command(subcommands)
    add_status_command(subcommands)
    add_table_command(subcommands)
    add_report_command(subcommands)
    add_archive_command(subcommands)
    add_entry_command(subcommands)
    add_work_command(subcommands)
