"""Finding results of a study that are damaged."""

from __future__ import annotations

from collections.abc import Iterator

from smile_bench.errors import StudyError
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.results import read_seed

__all__ = ["damaged_results"]


def damaged_results(folder: StudyFolder) -> Iterator[str]:
    """Read every result of a study.

    Yields:
        What is wrong with each one that cannot be used, and what to do.
    """
    for cell in folder.study.cells:
        for seed in cell.seeds:
            try:
                read_seed(folder, cell, seed)
            except StudyError as error:
                yield str(error)
