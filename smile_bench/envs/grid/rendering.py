"""Pictures of grids, in colours and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.family import GridFamily

__all__ = ["GridRenderer", "as_text"]

WALL_COLOUR = (70, 70, 75)
AGENT_COLOUR = (40, 90, 220)
LINE_COLOUR = (190, 190, 190)
NEUTRAL, GOOD, BAD = np.array([245.0] * 3), np.array([30.0, 150, 70]), np.array([200.0, 60, 50])


def as_text(layout: tuple[str, ...], cell: int) -> str:
    """The grid as text, with the agent in ``cell`` as ``@``."""
    width = len(layout[0])
    flat = "".join(layout)
    marked = f"{flat[:cell]}@{flat[cell + 1 :]}"
    return "\n".join(marked[i : i + width] for i in range(0, len(marked), width)) + "\n"


class GridRenderer:
    """Draws the agent, and cells in the colour of their reward: green is good, red is bad.

    Args:
        family: whose grid to draw.
        width: of a picture, in pixels.
        height: of a picture, in pixels.
    """

    def __init__(self, family: GridFamily, width: int, height: int) -> None:
        self.layout, self.kinds, self.size = family.layout, family.kinds, (width, height)

    def draw(self, weights: FloatArray, cell: int | None = None) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of a grid with weights (K,) and the agent in ``cell``."""
        largest = max(float(np.abs(weights).max()), 1e-9)
        width, height = self.size
        rows, columns = len(self.layout), len(self.layout[0])
        y, x = (np.arange(height) + 0.5) * rows / height, (np.arange(width) + 0.5) * columns / width
        colours = np.empty((rows, columns, 3))
        for r, kinds in enumerate(self.layout):
            for c, kind in enumerate(kinds):
                value = weights[self.kinds.index(kind)] / largest if kind in self.kinds else 0.0
                end = GOOD if value > 0.0 else BAD
                colours[r, c] = NEUTRAL + abs(value) * (end - NEUTRAL)
                if kind == "#":
                    colours[r, c] = WALL_COLOUR
        picture = colours[y.astype(int)][:, x.astype(int)]
        line_y, line_x = (
            np.diff(y.astype(int), prepend=0) > 0,
            np.diff(x.astype(int), prepend=0) > 0,
        )
        picture[line_y], picture[:, line_x] = LINE_COLOUR, LINE_COLOUR
        if cell is not None:
            row, column = divmod(cell, columns)
            away = (y[:, None] - row - 0.5) ** 2 + (x[None] - column - 0.5) ** 2
            picture[away < 0.1] = AGENT_COLOUR
        return np.asarray(picture.astype(np.uint8))

    def draw_slot(self, simulator: Any, slot: int) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of one episode of a grid simulator."""
        return self.draw(simulator.parameters[slot, 1:], int(simulator.cells[slot]))

    def close(self) -> None:
        """Does nothing: the renderer holds no resources."""
