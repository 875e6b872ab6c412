"""Keeping what a study found: a small archive, a leaderboard entry, results for other studies."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from smile_bench.errors import StudyError
from smile_bench.io.files import replacing
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.results import CellResult, read_cells

__all__ = ["archive", "fill_entry", "reuse"]


def archive(folder: StudyFolder, target: Path, *, evidence: bool = False) -> int:
    """Copy the finished results of a study, without weights and checkpoints.

    The copy has the layout of a study's folder: ``study table`` and ``study report`` read it, and
    ``study run`` finds its jobs done.

    Args:
        folder: of the study.
        target: where the copy goes; results that are there already stay.
        evidence: whether to copy the evidence, which is large.

    Returns:
        How many trainings were copied.

    Raises:
        StudyError: the target is the folder of another study, or a result is damaged.
    """
    copy = StudyFolder.make(target, folder.study, folder.together)
    copied = 0
    for one in read_cells(folder):
        note = Path(one.cell.folder) / "cell.json"
        if (folder.path / note).exists():
            _copy(folder.path / note, copy.path / note)
        for seed, source in one.folders.items():
            if copy.result(one.cell, seed) is not None:
                continue
            place = copy.path / source.relative_to(folder.path)
            if evidence:
                _copy(source / "primary" / EVIDENCE_FILE, place / "primary" / EVIDENCE_FILE)
            if (source / "progress.csv").exists():
                _copy(source / "progress.csv", place / "progress.csv")
            _copy(source / "primary" / RESULT_FILE, place / "primary" / RESULT_FILE)
            copied += 1
    return copied


def reuse(folder: StudyFolder, source: StudyFolder) -> int:
    """Copy the results of another study for cells that both have, so that they are not made twice.

    Cells are the same if their ids are: agent, family, condition, settings, protocol and version.

    Args:
        folder: of the study that lacks results.
        source: of the study that has some.

    Returns:
        How many trainings were copied.

    Raises:
        StudyError: a result is damaged.
    """
    wanted = {cell.id: cell for cell in folder.study.cells}
    copied = 0
    for one in read_cells(source):
        cell = wanted.get(one.cell.id)
        for seed, place in one.folders.items() if cell is not None else ():
            if cell is None or seed not in cell.seeds or folder.result(cell, seed) is not None:
                continue
            target = folder.path / cell.folder / place.parent.name / place.name
            files = sorted((place / "primary").iterdir(), key=lambda file: file.name == RESULT_FILE)
            for file in [*place.glob("progress.csv"), *place.glob("*.safetensors"), *files]:
                if not file.name.startswith(("checkpoint", ".")):
                    _copy(file, target / file.relative_to(place))
            copied += 1
    return copied


def fill_entry(
    cells: Sequence[CellResult],
    entry: Path,
    *,
    seeds: Sequence[int] | None = None,
    evidence: bool = False,
) -> list[Path]:
    """Copy results into the folder of a leaderboard entry, with the layout that it has.

    Args:
        cells: one a family, all of one agent.
        entry: the folder. Results of other seeds stay.
        seeds: which ones, by default all.
        evidence: whether to copy the evidence of every seed; by default only of the entry's first
            one of each family, which it must have.

    Returns:
        The folders of the seeds that were written.

    Raises:
        StudyError: two cells are of one family, or evidence is missing.
    """
    families = [one.cell.family for one in cells]
    if twice := sorted({family for family in families if families.count(family) > 1}):
        raise StudyError(
            f"the study has several cells of the agent on {twice[0]}. Choose one with --condition "
            "and --set."
        )
    written = []
    for one in cells:
        chosen = [seed for seed in one.seeds if seeds is None or seed in seeds]
        there = {int(path.name[5:]) for path in (entry / one.cell.family).glob("seed-*")}
        for seed in chosen:
            source, place = one.folders[seed], entry / one.cell.family / f"seed-{seed}"
            if evidence or seed == min({*chosen, *there}):
                kept = source / "primary" / EVIDENCE_FILE
                if not kept.exists():
                    raise StudyError(
                        f"{kept} is missing; the first seed of each family must come with "
                        "evidence. Take the results from the folder where the study ran."
                    )
                _copy(kept, place / "primary" / EVIDENCE_FILE)
            if (source / "progress.csv").exists():
                _copy(source / "progress.csv", place / "progress.csv")
            _copy(source / "primary" / RESULT_FILE, place / "primary" / RESULT_FILE)
            written.append(place)
    return written


def _copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
