"""Where a study lies: its file, and the folder with its results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smile_bench.studies.folder import StudyFolder

__all__ = ["add_place", "opened_folder", "usual_folder"]


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a study by its file or folder."""
    parser.add_argument(
        "study", help="the study's file, or the folder that `study run` has made for it"
    )
    parser.add_argument(
        "--folder", metavar="DIR", help="the study's folder, by default runs/studies/NAME"
    )


def usual_folder(name: str) -> Path:
    """Where a study works unless told otherwise."""
    return Path("runs", "studies", name)


def opened_folder(arguments: argparse.Namespace) -> StudyFolder:
    """The folder of a study that was begun.

    Raises:
        StudyError: there is none, or it is damaged, or the file is.
    """
    from smile_bench.studies.folder import StudyFolder
    from smile_bench.studies.reading import read_study

    given = Path(arguments.study)
    if given.is_dir():
        return StudyFolder.open(given)
    study = read_study(given)
    return StudyFolder.open(arguments.folder or usual_folder(study.name))
