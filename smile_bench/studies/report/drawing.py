"""What all figures of a report share: colours, grids of panels, and SVG that is always the same."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import StudyError
from smile_bench.studies.report.paper import METHODS

__all__ = [
    "EXPERT",
    "SMALLER",
    "Canvas",
    "Style",
    "agent_styles",
    "band",
    "even_columns",
    "require_matplotlib",
    "svg",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of Okabe and Ito: told apart by colour-blind readers."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""So that lines are told apart in print without colour."""
MARKERS = "osD^vPX"
EXPERT = {"color": "0.45", "linewidth": 1.0, "zorder": 1}
SMALL, SMALLER = 8, 7
MOST_LINES = 4


@dataclass(frozen=True)
class Style:
    """How an agent is drawn in every figure."""

    color: str
    dash: Any
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """The arguments of a line."""
        return {"color": self.color, "linestyle": self.dash, "linewidth": 1.4}


def agent_styles(agents: Sequence[str]) -> dict[str, Style]:
    """One style an agent: those of the paper's agents are the same in every study."""
    return {
        agent: Style(
            COLOURS[number % len(COLOURS)],
            DASHES[number % len(DASHES)],
            MARKERS[number % len(MARKERS)],
        )
        for number, agent in enumerate(dict.fromkeys([*METHODS, *agents]))
    }


def even_columns(panels: int, kinds: int, most: int = 4) -> int:
    """Columns of a grid: the number of kinds where that gives whole rows, else ``most``."""
    return kinds if 1 < kinds <= most and panels % kinds == 0 else most


def require_matplotlib() -> None:
    """Refuse to draw without Matplotlib.

    Raises:
        StudyError: naming the extra.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise StudyError(
            "the figures of a report need Matplotlib: `pip install 'smile-bench[study]'`."
        ) from error


class Canvas:
    """A grid of panels with one legend below.

    Args:
        panels: their number.
        size: width and height of each, in inches.
        columns: most panels in a row.
        polar: whether the panels are polar.
        share: whether panels share their axes.
    """

    def __init__(
        self,
        panels: int,
        size: tuple[float, float] = (2.7, 2.4),
        columns: int = 4,
        *,
        polar: bool = False,
        share: bool = True,
    ) -> None:
        from matplotlib.figure import Figure

        columns = min(panels, columns)
        lines = math.ceil(panels / columns)
        wide = max(size[0] * columns, 4.2)
        self.figure = Figure(figsize=(wide, size[1] * lines + 0.5), layout="constrained")
        grid = self.figure.subplots(
            lines,
            columns,
            squeeze=False,
            sharex=share and not polar,
            sharey=share and not polar,
            subplot_kw={"projection": "polar"} if polar else {},
        )
        self.columns, self.width = columns, size[0]
        self.panels: list[Any] = list(grid.ravel()[:panels])
        for unused in grid.ravel()[panels:]:
            unused.remove()
        for number, panel in enumerate(self.panels):
            panel.tick_params(labelsize=SMALLER)
            panel.grid(alpha=0.3, linewidth=0.5)
            panel.tick_params(labelbottom=not share or polar or self._lowest(number))

    def titled(self, number: int, title: str) -> Any:
        """A panel, with its title on at most four lines."""
        panel, width = self.panels[number], int(13 * self.width)
        lines = [part for line in title.split("\n") for part in textwrap.wrap(line, width)]
        shown = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]
        panel.set_title("\n".join(shown), fontsize=SMALL)
        return panel

    def labelled(self, x: str, y: str) -> None:
        """Name the axes below the lowest panels and left of the first ones."""
        for number, panel in enumerate(self.panels):
            if self._lowest(number):
                panel.set_xlabel(x, fontsize=SMALL)
            if number % self.columns == 0:
                panel.set_ylabel(y, fontsize=SMALL)

    def legend(self) -> None:
        """One legend below the panels; what has a label in any of them is in it once."""
        known: dict[str, Any] = {}
        for panel in self.panels:
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
                known.setdefault(label, handle)
        self.figure.legend(
            known.values(),
            known.keys(),
            loc="outside lower center",
            ncols=min(len(known), max(2, int(self.figure.get_figwidth() / 1.7))),
            fontsize=SMALLER,
            frameon=False,
        )

    def _lowest(self, number: int) -> bool:
        """Whether a panel is the lowest of its column."""
        return number + self.columns >= len(self.panels)


def band(panel: Any, x: FloatArray, values: FloatArray, label: str, style: Style) -> None:
    """The mean over seeds of values (seeds, points) as a line, and their standard deviation."""
    mean = np.nanmean(values, axis=0)
    panel.plot(x, mean, label=label, **style.line)
    if len(values) > 1:
        spread = np.nanstd(values, axis=0, ddof=1)
        low, high = mean - spread, mean + spread
        panel.fill_between(x, low, high, color=style.color, alpha=0.2, linewidth=0)


def svg(canvas: Canvas) -> str:
    """The figure as SVG; the same figure gives the same text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "smile-bench", "svg.fonttype": "path"}):
        canvas.figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white"
        )
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    return "\n".join(lines) + "\n"
