"""Figures of trainings: learning curves of all seeds, and surfaces over budgets."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from smile_bench.envs import get_family
from smile_bench.leaderboard.surface import Surface
from smile_bench.studies.report.drawing import SMALLER, Canvas, Style, even_columns
from smile_bench.studies.report.measurements import condition_text
from smile_bench.studies.results import CellResult

__all__ = ["curves_figure", "learning_curve", "surface_figure"]


def curves_figure(
    family: str, cells: Sequence[CellResult], styles: Mapping[str, Style]
) -> tuple[Canvas, str] | None:
    """The meta-validation metric along every training, one panel a cell, one line a seed.

    Returns:
        The figure and its caption; None if no training of these cells was validated.
    """
    metric = get_family(family).metric
    watched = [one for one in cells if any(curve is not None for curve in one.curves.values())]
    if not watched:
        return None
    agents = {(one.cell.agent, one.cell.changes) for one in watched}
    columns = even_columns(len(watched), len(agents))
    canvas = Canvas(len(watched), (2.4, 1.9), columns, share=False)
    for number, one in enumerate(watched):
        title = f"{one.cell.agent}\n{condition_text(one.cell)}"
        panel = canvas.titled(number, title)
        for seed, curve in one.curves.items():
            if curve is None:
                continue
            x, y = learning_curve(one.folders[seed] / "progress.csv", metric.name)
            color = styles[one.cell.agent].color
            panel.plot(x, y, color=color, linewidth=0.8, alpha=0.8)
            panel.plot(x[-1:], y[-1:], ".", color=color, markersize=4)
    name = metric.name.replace("_", " ")
    canvas.labelled("iteration", f"{name},\nmeta-validation")
    return canvas, (
        f"{get_family(family).title}: {name} on the meta-validation tasks along every training, "
        "one line a seed. The dot is the checkpoint that counts."
    )


def learning_curve(log: Path, metric: str) -> tuple[list[float], list[float]]:
    """Iterations and meta-validation metric of a log, where it was measured.

    The log has been read by :func:`smile_bench.studies.results.read_results` before, which refuses
    damaged ones.
    """
    with log.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row[f"validation/{metric}"]]
    return (
        [float(row["iteration"]) for row in rows],
        [float(row[f"validation/{metric}"]) for row in rows],
    )


def surface_figure(surfaces: Sequence[Surface]) -> tuple[Canvas, str]:
    """Heat maps with numbers: score over demonstrations and tasks, one panel an agent.

    Args:
        surfaces: those of one family.
    """
    canvas = Canvas(len(surfaces), (2.9, 2.3), columns=3, share=False)
    for number, surface in enumerate(surfaces):
        panel = canvas.titled(number, _title(surface))
        scores = np.array(
            [[np.nan if one is None else one.score.value for one in row] for row in surface.cells]
        )
        shown = panel.imshow(scores, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
        for (line, column), score in np.ndenumerate(scores):
            text = "–" if np.isnan(score) else f"{score:.2f}"
            color = "black" if score > 0.55 or np.isnan(score) else "white"
            panel.text(column, line, text, ha="center", va="center", fontsize=8, color=color)
        panel.grid(visible=False)
        panel.set_xticks(range(len(surface.tasks)), surface.tasks)
        panel.set_yticks(range(len(surface.demonstrations)), surface.demonstrations)
        panel.invert_yaxis()
    bar = canvas.figure.colorbar(shown, ax=canvas.panels, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=SMALLER)
    canvas.labelled("meta-train tasks", "demonstrations per task")
    return canvas, (
        f"{get_family(surfaces[0].first.family).title}: interquartile mean of the normalised "
        "scores over the number of meta-train tasks and of demonstrations per task. 1 is the "
        "expert, 0 the task-blind expert; colours end there."
    )


def _title(surface: Surface) -> str:
    settings = " ".join(f"{name}={value}" for name, value in surface.first.settings)
    return f"{surface.first.agent} {settings}".strip()
