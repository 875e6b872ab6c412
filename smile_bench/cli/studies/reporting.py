"""``study report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smile_bench.cli.studies.places import add_place, opened_folder

__all__ = ["add_report_command"]


def add_report_command(commands: Any) -> None:
    """Add ``report`` to the subcommands of ``study``."""
    report = commands.add_parser(
        "report",
        help="write a page with tables and figures",
        description="Write index.md, table.csv and figures as SVG: every metric with its standard "
        "deviation over seeds, the score with its interval, costs, learning curves and what is "
        "missing. A study with every cell of a table of the SMILe paper has the paper's numbers "
        "beside its own.",
    )
    add_place(report)
    report.add_argument(
        "--output",
        metavar="DIR",
        help="where the page goes, by default report in the study's folder",
    )
    report.add_argument(
        "--notes",
        metavar="FILE",
        help="TOML with a sentence for cells, by default NAME.notes.toml beside NAME.toml",
    )
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from smile_bench.studies.report import write_report
    from smile_bench.studies.report.notes import notes_beside, read_notes

    folder, given = opened_folder(arguments), Path(arguments.study)
    beside = Path(arguments.notes) if arguments.notes else notes_beside(given)
    notes = None if beside is None else read_notes(beside, folder.study)
    output = Path(arguments.output) if arguments.output else folder.path / "report"
    file = f"{folder.study.name}.toml" if given.is_dir() else _named(given)
    written = write_report(folder, output, file=file, notes=notes)
    print(f"wrote {written} files; the page is {output / 'index.md'}")
    return 0


def _named(path: Path) -> str:
    """What a page calls a file: its path as given, or its name alone if that begins at the root."""
    return path.name if path.is_absolute() else path.as_posix()
