"""Learning curves: ``progress.csv``, as the reference agents' training writes it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.files import read_text

__all__ = ["Curve", "read_curve"]

LIMIT = 16 * 2**20
MAX_ROWS = 200_000
MAX_POINTS = 150

_STEPS = "charts/env_steps"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A validation metric over training; all tuples of equal length."""

    seconds: tuple[float, ...]
    """Wall-clock since the start of training."""
    env_steps: tuple[float, ...] | None
    """Control steps taken in environments, where the file says so."""
    values: tuple[float, ...]
    """The family's primary metric on meta-validation tasks."""


def read_curve(path: Path, metric: str) -> Curve | None:
    """Read a training's progress: how ``validation/METRIC`` went.

    Any columns may be there. ``iteration`` and ``seconds`` must, and must not fall; a cell may be
    empty where a column was not measured.

    Args:
        path: the table.
        metric: name of the family's primary metric.

    Returns:
        At most 150 points, evenly chosen with the first and the last, or None if no validation
        metric was measured.

    Raises:
        LeaderboardError: no such columns, ragged rows, or cells that are no finite numbers.
    """
    text = read_text(path, limit=LIMIT)
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise LeaderboardError(
            f"{path.name} is not a table of comma-separated values: {error}."
        ) from error
    if not rows or len(rows) > MAX_ROWS:
        raise LeaderboardError(f"{path.name} must have a header and at most {MAX_ROWS} rows.")
    header = rows[0]
    if len(set(header)) < len(header) or not {"iteration", "seconds"} <= set(header):
        raise LeaderboardError(
            f"{path.name} needs different column names, among them iteration and seconds."
        )
    table = [_numbers(path.name, number, row, header) for number, row in enumerate(rows[1:], 2)]
    for name in ("iteration", "seconds", _STEPS):
        values = [row[name] for row in table if name in row]
        if any(after < before for before, after in pairwise(values)):
            raise LeaderboardError(f"{path.name}: {name} falls from one row to the next.")
    return _curve(table, f"validation/{metric}")


def _numbers(file: str, line: int, row: list[str], header: list[str]) -> dict[str, float]:
    """The numbers of a row by column, empty cells left out."""
    if len(row) != len(header):
        raise LeaderboardError(f"{file}, line {line}: {len(row)} cells, not {len(header)}.")
    numbers = {}
    for name, cell in zip(header, row, strict=True):
        if not cell:
            continue
        try:
            numbers[name] = float(cell)
        except ValueError:
            numbers[name] = math.nan
        if not math.isfinite(numbers[name]):
            raise LeaderboardError(
                f"{file}, line {line}: {name} is {cell[:40]!r}, no finite number."
            )
    for name in ("iteration", "seconds"):
        if numbers.get(name, -1.0) < 0.0:
            raise LeaderboardError(f"{file}, line {line}: {name} must be a number from 0 up.")
    return numbers


def _curve(table: list[dict[str, float]], measure: str) -> Curve | None:
    kept = [row for row in table if measure in row]
    if not kept:
        return None
    last = len(kept) - 1
    chosen = sorted({round(i * last / (MAX_POINTS - 1)) for i in range(MAX_POINTS)})
    points = [kept[i] for i in chosen]
    counted = all(_STEPS in row for row in points)
    return Curve(
        seconds=tuple(row["seconds"] for row in points),
        env_steps=tuple(row[_STEPS] for row in points) if counted else None,
        values=tuple(row[measure] for row in points),
    )
