"""Writing a report: everything is computed first, then all files are moved into place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from smile_bench.envs import get_family
from smile_bench.errors import StudyError
from smile_bench.io.files import replacing
from smile_bench.leaderboard.page.document import plot_kind
from smile_bench.leaderboard.surface import Surface
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.report.budget import budget_surfaces
from smile_bench.studies.report.drawing import Canvas, agent_styles, require_matplotlib, svg
from smile_bench.studies.report.measurements import csv_rows, measurements, ordered
from smile_bench.studies.report.notes import Notes
from smile_bench.studies.report.page import Drawn, render_page
from smile_bench.studies.report.paper import paper_families
from smile_bench.studies.report.study_figures import curves_figure, surface_figure
from smile_bench.studies.report.task_figures import shots_figure, task_figure
from smile_bench.studies.results import CellResult, read_cells
from smile_bench.studies.table import as_csv

__all__ = ["render_report", "write_report"]

OWN = re.compile(r"\.?(index\.md|table\.csv|figures/\.?[A-Za-z0-9_.-]+\.svg)(\..+\.part)?")
"""The files of a report, and what a killed process was writing."""


def write_report(
    folder: StudyFolder, output: Path, *, file: str, notes: Notes | None = None
) -> int:
    """Write ``index.md``, ``table.csv`` and ``figures/*.svg`` into a folder.

    Args:
        folder: of the study.
        output: the folder; an earlier report in it is replaced.
        file: what the commands on the page call the study.
        notes: the sentences of the column "why".

    Returns:
        How many files were written.

    Raises:
        StudyError: the folder holds something else, Matplotlib is missing, or a result is damaged.
    """
    require_matplotlib()
    _require_replaceable(output)
    contents = render_report(folder, file=file, notes=notes or Notes())
    with ExitStack() as stack:
        for name, content in contents.items():
            temporary = stack.enter_context(replacing(output / name))
            temporary.write_text(content, encoding="utf-8", newline="\n")
    for path in (output / "figures").glob("*.svg"):
        if f"figures/{path.name}" not in contents:
            path.unlink()
    return len(contents)


def render_report(folder: StudyFolder, *, file: str, notes: Notes) -> Mapping[str, str]:
    """The report's files by their paths; the same results give the same texts.

    Args:
        folder: of the study.
        file: what the commands on the page call the study.
        notes: the sentences of the column "why".

    Raises:
        StudyError: a result is damaged.
    """
    study = folder.study
    compared = paper_families(study)
    results = {one.cell.id: one for one in read_cells(folder)}
    cells = [results[cell.id] for cell in ordered(study) if cell.id in results]
    rows = measurements(study, results, compared, notes)
    surfaces = budget_surfaces(study.name, cells)
    figures, texts = [], {}
    for family, kind, canvas, caption in _figures(cells, surfaces):
        drawn = Drawn(f"figures/{family}-{kind}.svg", caption, family, kind)
        figures.append(drawn)
        texts[drawn.file] = svg(canvas)
    page = render_page(folder, rows, results, surfaces, figures, compared, file)
    # Files are moved into place from the last to the first: the page comes when all else is there.
    return {"index.md": page, "table.csv": as_csv(csv_rows(rows, results)), **texts}


def _figures(
    cells: Sequence[CellResult], surfaces: Sequence[Surface]
) -> Iterator[tuple[str, str, Canvas, str]]:
    """Family, kind, figure and caption of every figure."""
    styles = agent_styles([one.cell.agent for one in cells])
    for family in dict.fromkeys(one.cell.family for one in cells):
        mine = [one for one in cells if one.cell.family == family]
        shots = shots_figure(family, mine, styles)
        if shots is None or plot_kind(get_family(family)) != "shots":
            yield family, "tasks", *task_figure(family, mine, styles)
        if shots is not None:
            yield family, "shots", *shots
        if own := [one for one in surfaces if one.first.family == family]:
            yield family, "surface", *surface_figure(own)
        if (curves := curves_figure(family, mine, styles)) is not None:
            yield family, "curves", *curves


def _require_replaceable(output: Path) -> None:
    """Refuse a target that holds anything but an earlier report.

    Raises:
        StudyError: it is not a folder, or holds other files.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise StudyError(f"{output} is not a folder; name a folder with --output.")
    for root, _, names in os.walk(output):
        for name in names:
            path = (Path(root) / name).relative_to(output)
            if not OWN.fullmatch(path.as_posix()):
                raise StudyError(
                    f"{output} holds {path.as_posix()!r}, which is not part of a report. Name "
                    "another folder with --output."
                )
