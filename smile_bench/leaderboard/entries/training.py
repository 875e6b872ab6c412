"""What an entry says of its trainings: facts and costs, and the curves in ``progress.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries.files import read_text
from smile_bench.protocol.result import Result
from smile_bench.tracks import TRACKS, least_track

__all__ = [
    "Cost",
    "Curve",
    "Training",
    "mean_cost",
    "mean_coverage",
    "read_curve",
    "stated_seed",
    "training_of",
]

LIMIT = 16 * 2**20
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_POINTS = 150

_STEPS = "charts/env_steps"


@dataclass(frozen=True, kw_only=True)
class Training:
    """Facts of one training run; None where the result does not say."""

    seed: int | None
    track: str | None
    seconds: float | None
    """Wall-clock of the training process."""
    env_steps: int | None
    """Control steps in meta-train environments."""
    expert_queries: int | None
    """Observations that an expert labelled."""
    demonstrations: int | None = None
    """Meta-train demonstrations handed out."""
    coverage: float | None = None
    """Share of the family's cells that it reached in its environments."""

    @property
    def needs(self) -> frozenset[str]:
        """What a track must allow: all that was used, and all that the stated track allows.

        The names are those of :attr:`smile_bench.tracks.Track.permissions`.
        """
        used = {
            "demonstrations": self.demonstrations,
            "environments": self.env_steps,
            "labels": self.expert_queries,
        }
        stated = TRACKS[self.track].permissions if self.track else frozenset()
        return stated | {name for name, number in used.items() if number}

    @property
    def least_track(self) -> str | None:
        """The least track that allows everything that was used and stated; None without one."""
        return least_track(self.needs)


def training_of(result: Result) -> Training | None:
    """The training that a result states, or None if it states nothing."""
    stated = result.training
    if stated is None:
        return None
    track, access = stated.get("track"), stated.get("access", {})
    # What its track forbids was not used, whether or not it was counted.
    without_steps = track is not None and not TRACKS[track].environments
    without_queries = track is not None and not TRACKS[track].labels
    without_demonstrations = track is not None and not TRACKS[track].demonstrations
    return Training(
        seed=stated_seed(stated),
        track=track,
        seconds=stated.get("seconds"),
        env_steps=access.get("env_steps", 0 if without_steps else None),
        expert_queries=access.get("expert_queries", 0 if without_queries else None),
        demonstrations=access.get("demonstrations", 0 if without_demonstrations else None),
        coverage=stated.get("coverage", {}).get("share"),
    )


def stated_seed(recipe: Mapping[str, Any] | None) -> int | None:
    """The seed of a training, as its recipe states it or among its settings."""
    if recipe is None:
        return None
    settings = recipe.get("settings")
    value = recipe.get("seed", settings.get("seed") if isinstance(settings, dict) else None)
    return value if type(value) is int else None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What training took, averaged over seeds; None where any of them does not say."""

    env_steps: float | None
    """Control steps in environments."""
    expert_queries: float | None
    """Observations that an expert labelled."""
    hours: float | None
    """Wall-clock hours of the training process."""


def mean_cost(trainings: Sequence[Training | None]) -> Cost:
    """The cost of one training, averaged over the trainings of several seeds."""
    seconds = _average([None if t is None else t.seconds for t in trainings])
    return Cost(
        env_steps=_average([None if t is None else t.env_steps for t in trainings]),
        expert_queries=_average([None if t is None else t.expert_queries for t in trainings]),
        hours=None if seconds is None else seconds / 3600,
    )


def mean_coverage(trainings: Sequence[Training | None]) -> float | None:
    """The coverage averaged over the trainings of several seeds; None if one does not say."""
    return _average([None if t is None else t.coverage for t in trainings])


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A validation metric over training; all tuples have the same length."""

    seconds: tuple[float, ...]
    """Wall-clock since the start of training."""
    env_steps: tuple[float, ...] | None
    """Control steps taken in environments, where the file says so."""
    values: tuple[float, ...]
    """The family's primary metric on the meta-validation tasks."""


def read_curve(path: Path, metric: str) -> Curve | None:
    """Read the learning curve of a training: the column ``validation/METRIC``.

    The columns ``iteration`` and ``seconds`` are required, and neither may decrease. Any other
    columns may be there. A cell may be empty where a column was not measured.

    Args:
        path: the table.
        metric: name of the family's primary metric.

    Returns:
        At most 150 evenly chosen points, the first and the last among them, or None if the
        validation metric was never measured.

    Raises:
        LeaderboardError: a required column is missing, a row has too many or too few cells, or a
            cell is not a finite number.
    """
    text = read_text(path, limit=LIMIT)
    try:
        # Of many short lines no more are parsed than are kept.
        rows = list(islice(csv.reader(io.StringIO(text), strict=True), MAX_ROWS + 1))
    except csv.Error as error:
        raise LeaderboardError(
            f"{path.name} is not a table of comma-separated values: {error}."
        ) from error
    if not rows or len(rows) > MAX_ROWS or len(rows[0]) > MAX_COLUMNS:
        raise LeaderboardError(
            f"{path.name} must have a header of at most {MAX_COLUMNS} columns and, with it, at "
            f"most {MAX_ROWS} rows."
        )
    header = rows[0]
    if len(set(header)) < len(header) or not {"iteration", "seconds"} <= set(header):
        raise LeaderboardError(
            f"{path.name} needs distinct column names, among them iteration and seconds."
        )
    table = [_numbers(path.name, number, row, header) for number, row in enumerate(rows[1:], 2)]
    for name in ("iteration", "seconds", _STEPS):
        values = [row[name] for row in table if name in row]
        if any(after < before for before, after in pairwise(values)):
            raise LeaderboardError(f"{path.name}: {name} decreases from one row to the next.")
    return _curve(table, f"validation/{metric}")


def _numbers(file: str, line: int, row: list[str], header: list[str]) -> dict[str, float]:
    """The numbers of a row by column, without empty cells."""
    if len(row) != len(header):
        raise LeaderboardError(
            f"{file}, line {line} has {len(row)} cells; the header has {len(header)}."
        )
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
                f"{file}, line {line}: {name[:40]} is {cell[:40]!r}, which is not a finite number."
            )
    for name in ("iteration", "seconds"):
        if numbers.get(name, -1.0) < 0.0:
            raise LeaderboardError(f"{file}, line {line}: {name} must be a number, 0 or greater.")
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
