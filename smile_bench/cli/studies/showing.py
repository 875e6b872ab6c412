"""``study status``, ``study table``, ``study archive`` and ``study entry``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smile_bench.cli.studies.places import add_place, opened_folder
from smile_bench.errors import InputError, StudyError, require_known

__all__ = ["add_archive_command", "add_entry_command", "add_status_command", "add_table_command"]


def add_status_command(commands: Any) -> None:
    """Add ``status`` to the subcommands of ``study``."""
    status = commands.add_parser("status", help="what is done, runs, waits and has failed")
    add_place(status)
    status.add_argument("--jobs", action="store_true", help="list every job with its id")
    status.set_defaults(run=_status)


def add_table_command(commands: Any) -> None:
    """Add ``table`` to the subcommands of ``study``."""
    table = commands.add_parser(
        "table",
        help="the results as a table",
        description="One row a cell: interquartile mean of the normalised scores with its interval "
        "over seeds and tasks, the metric, how far the last checkpoint was from the best, and what "
        "a training cost.",
    )
    add_place(table)
    table.add_argument("--runs", action="store_true", help="one row a training")
    table.add_argument(
        "--format",
        help="markdown (default), csv, parquet or json; by default what the output's name ends in. "
        "JSON is for `leaderboard build --study`",
    )
    table.add_argument("--output", metavar="FILE", help="write to a file in place of the screen")
    table.set_defaults(run=_table)


def add_archive_command(commands: Any) -> None:
    """Add ``archive`` to the subcommands of ``study``."""
    archive = commands.add_parser(
        "archive",
        help="copy the finished results, without weights and checkpoints",
        description="Copy sealed results and logs into a folder that `study table` and `study "
        "report` read as they read the study's own.",
    )
    add_place(archive)
    archive.add_argument("target", help="the folder to copy to")
    archive.add_argument(
        "--evidence", action="store_true", help="also the evidence, which is large"
    )
    archive.set_defaults(run=_archive)


def add_entry_command(commands: Any) -> None:
    """Add ``entry`` to the subcommands of ``study``."""
    entry = commands.add_parser(
        "entry",
        help="copy results of an agent into a leaderboard entry",
        description="Copy the results of one agent under one condition into the folder of a "
        "leaderboard entry, with the evidence of the entry's first seed.",
    )
    add_place(entry)
    entry.add_argument("entry", help="the entry's folder")
    entry.add_argument("--agent", required=True, help="whose results")
    entry.add_argument(
        "--condition", default="canonical", help='such as "4 demonstrations" (canonical)'
    )
    entry.add_argument("--family", nargs="+", help="by default all that the study has")
    entry.add_argument("--seeds", help="such as 1-4; by default all")
    entry.add_argument("--evidence", action="store_true", help="that of every seed")
    entry.set_defaults(run=_entry)


def _status(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.checking import damaged_results
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
    for problem in damaged_results(folder):
        print(f"damaged: {problem}")
    return 0


def _table(arguments: argparse.Namespace) -> int:
    from smile_bench.io.files import write_atomically
    from smile_bench.studies import table
    from smile_bench.studies.results import read_cells

    folder = opened_folder(arguments)
    output = Path(arguments.output) if arguments.output else None
    kind = arguments.format or _kind(output)
    require_known("format", [kind], table.FORMATS)
    if kind == "parquet" and output is None:
        raise InputError("Parquet is not text; name a file with --output.")
    cells = list(read_cells(folder))
    if kind == "json":
        text = table.as_json(table.table_document(folder, cells))
    else:
        rows = table.run_rows(cells) if arguments.runs else table.cell_rows(cells)
        if output is not None:
            table.write_table(rows, output, kind)
            print(f"wrote {output}")
            return 0
        text = table.as_csv(rows) if kind == "csv" else table.as_markdown(rows)
    if output is None:
        print(text, end="")
    else:
        write_atomically(output, text)
        print(f"wrote {output}")
    return 0


def _kind(output: Path | None) -> str:
    """The format that a file's name ends in."""
    endings = {".csv": "csv", ".parquet": "parquet", ".json": "json"}
    return "markdown" if output is None else endings.get(output.suffix, "markdown")


def _archive(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.keeping import archive

    copied = archive(opened_folder(arguments), Path(arguments.target), evidence=arguments.evidence)
    print(f"copied {copied} trainings to {arguments.target}")
    return 0


def _entry(arguments: argparse.Namespace) -> int:
    from smile_bench.datasets import Condition
    from smile_bench.seeds import parse_seeds
    from smile_bench.studies.keeping import fill_entry
    from smile_bench.studies.results import read_cells

    folder, condition = opened_folder(arguments), Condition.parse(arguments.condition)
    agents = {cell.agent for cell in folder.study.cells}
    require_known("agent of the study", [arguments.agent], agents)
    families = arguments.family or [cell.family for cell in folder.study.cells]
    chosen = [
        one
        for one in read_cells(folder)
        if one.cell.agent == arguments.agent
        and one.cell.family in families
        and one.cell.condition.on(one.cell.family) == condition.on(one.cell.family)
    ]
    if not chosen:
        raise StudyError(
            f"the study has no result of {arguments.agent} under {str(condition)!r} yet; "
            "`smile-bench study table` shows what there is."
        )
    seeds = parse_seeds(arguments.seeds) if arguments.seeds else None
    written = fill_entry(chosen, Path(arguments.entry), seeds=seeds, evidence=arguments.evidence)
    for place in written:
        print(f"wrote {place}")
    return 0
