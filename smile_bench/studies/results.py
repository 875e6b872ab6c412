"""The results of a study's cells, read from its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import get_family
from smile_bench.errors import ProtocolError, SmileError, StudyError, clipped, shown
from smile_bench.leaderboard.entries.training import Curve, read_curve
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.protocol.result_file import read_result
from smile_bench.protocol.scores import task_means
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.study import Cell
from smile_bench.tracks import TRACKS

__all__ = ["COSTS", "CellResult", "read_cells", "read_results", "read_seed", "training_costs"]

COSTS = ("seconds", "cpu_seconds", "env_steps", "expert_queries")
"""What a training costs. Trainings of one computation share its seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellResult:
    """A cell with the results of its seeds that are done."""

    cell: Cell
    results: Mapping[int, Result]
    """By seed."""
    curves: Mapping[int, Curve | None]
    """Meta-validation metric along each training, by seed."""
    folders: Mapping[int, Path]
    """Where each seed lies."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that are done."""
        return tuple(self.results)

    @property
    def scores(self) -> FloatArray:
        """Normalised scores (seeds, tasks)."""
        return np.stack([result.scores for result in self.results.values()])

    def metrics(self, name: str | None = None) -> FloatArray:
        """A metric (seeds, tasks), by default the family's primary one."""
        return np.stack([result.per_task(name) for result in self.results.values()])

    def at_shots(self, shots: int, name: str | None = None) -> FloatArray:
        """A metric (seeds, tasks) over the episodes whose contexts have one size."""
        family = get_family(self.cell.family)
        rows = []
        for result in self.results.values():
            kept = result.shots == shots
            values = result.episodes[name or family.metric.name][kept]
            rows.append(task_means(result.tasks[kept], values, len(result.scores)))
        return np.stack(rows)

    def best_and_last(self) -> Mapping[int, tuple[float, float] | None]:
        """Of each seed, the best and the last meta-validation metric along the training."""
        better = max if get_family(self.cell.family).metric.higher_is_better else min
        return {
            seed: None if curve is None else (better(curve.values), curve.values[-1])
            for seed, curve in self.curves.items()
        }

    def score_gaps(self) -> dict[int, float]:
        """How far the last checkpoint of each seed was from the best along the way.

        In units of the normalised score: relative to the distance between the expert and the
        task-blind expert, on the meta-test tasks. Seeds without a learning curve are left out.
        """
        name = get_family(self.cell.family).metric.name
        references = load_meta_test(self.cell.family).references
        unit = abs(np.nanmean(references.expert[name]) - np.nanmean(references.blind[name]))
        return {
            seed: float(abs(ends[1] - ends[0]) / unit)
            for seed, ends in self.best_and_last().items()
            if ends is not None
        }

    def costs(self) -> dict[str, float | None]:
        """Means over seeds of what a training cost, by the names in :data:`COSTS`."""
        rows = [training_costs(result) for result in self.results.values()]
        found: dict[str, float | None] = {}
        for name in COSTS:
            known = [row[name] for row in rows]
            found[name] = None if None in known else mean(v for v in known if v is not None)
        return found


def read_results(folder: StudyFolder, cell: Cell) -> CellResult:
    """The results of a cell.

    Raises:
        StudyError: a result or a log is damaged, or of another agent, family or seed.
    """
    read = {seed: read_seed(folder, cell, seed) for seed in cell.seeds}
    done = {seed: one for seed, one in read.items() if one is not None}
    return CellResult(
        cell=cell,
        results={seed: result for seed, (result, _, _) in done.items()},
        curves={seed: curve for seed, (_, curve, _) in done.items()},
        folders={seed: place for seed, (_, _, place) in done.items()},
    )


def read_seed(
    folder: StudyFolder, cell: Cell, seed: int
) -> tuple[Result, Curve | None, Path] | None:
    """The result of a seed, its curve of meta-validation and where both lie; None without.

    Raises:
        StudyError: as :func:`read_results`.
    """
    place = folder.result(cell, seed)
    if place is None:
        return None
    log = place.parent / "progress.csv"
    try:
        result = read_result(place)
        curve = read_curve(log, get_family(cell.family).metric.name) if log.exists() else None
        _require_of(result, cell, seed)
    except SmileError as error:
        raise StudyError(
            f"the result in {place} cannot be used: {clipped(str(error))} Remove that folder "
            "and run the study again; everything else stays."
        ) from error
    return result, curve, place.parent


def read_cells(folder: StudyFolder) -> Iterator[CellResult]:
    """The cells of a study that have a result, in the order of its file.

    Raises:
        StudyError: as :func:`read_results`.
    """
    for cell in folder.study.cells:
        found = read_results(folder, cell)
        if found.results:
            yield found


def _require_of(result: Result, cell: Cell, seed: int) -> None:
    """Refuse a result that lies in the wrong place."""
    facts: dict[str, tuple[Any, Any]] = {
        "agent": (result.agent, cell.agent),
        "family": (result.family, cell.family),
    }
    if cell.trained:
        training = result.training or {}
        facts["seed"] = (training.get("seed"), seed)
        track = training.get("track")
        if track is None or TRACKS[track].demonstrations:  # Without them there is no condition.
            stated = (training.get("condition") or {}).get("sha256")
            facts["condition"] = (stated, cell.facts["condition"])
    for name, (here, wanted) in facts.items():
        if here != wanted:
            raise ProtocolError(f"its {name} is {shown(here)}, not {shown(wanted)}.")


def training_costs(result: Result) -> dict[str, float | None]:
    """What the training behind a result cost, by the names in :data:`COSTS`; None where unknown."""
    training = result.training or {}
    together = training.get("trained_together", 1)
    access = training.get("access") or {}

    def share(name: str) -> float | None:
        value = training.get(name)
        return None if value is None else float(value) / together

    return {
        "seconds": share("seconds"),
        "cpu_seconds": share("cpu_seconds"),
        "env_steps": _number(access.get("env_steps")),
        "expert_queries": _number(access.get("expert_queries")),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
