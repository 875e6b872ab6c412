"""The numbers of a report: every metric of every cell, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import get_family
from smile_bench.leaderboard.bootstrap import summary_of_family
from smile_bench.protocol.statistics import Estimate
from smile_bench.studies.report.notes import Notes
from smile_bench.studies.report.paper import SCORE, PaperNumber, paper_numbers, verdict
from smile_bench.studies.results import COSTS, CellResult
from smile_bench.studies.study import Cell, Study

__all__ = [
    "Measurement",
    "Spread",
    "condition_text",
    "csv_rows",
    "higher_is_better",
    "largest_gap",
    "measurements",
    "ordered",
]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A mean over seeds and tasks, with what it varies over."""

    mean: float
    over_seeds: float | None
    """Standard deviation over seeds of their means over tasks; None for one seed."""
    pooled: float
    """Standard deviation over all tasks of all seeds."""

    @classmethod
    def of(cls, values: FloatArray) -> Spread:
        """That of values (seeds, tasks); NaN is left out."""
        per_seed = np.nanmean(values, axis=1)
        return cls(
            mean=float(per_seed.mean()),
            over_seeds=float(per_seed.std(ddof=1)) if len(per_seed) > 1 else None,
            pooled=float(np.nanstd(values, ddof=1)),
        )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One metric of one cell. Without a result yet, all that a training gives is None."""

    cell: Cell
    metric: str
    """Name of a metric of the family, or ``"score"``: the mean of the normalised scores."""
    seeds: tuple[int, ...]
    """Those that have a result."""
    ours: Spread | None
    score: Estimate | None
    """Interquartile mean of the normalised scores with its 95 % interval over seeds and tasks."""
    paper: PaperNumber | None
    why: str

    @property
    def deviation(self) -> float | None:
        """Ours less the paper's."""
        if self.ours is None or self.paper is None:
            return None
        return self.ours.mean - self.paper.mean

    @property
    def verdict(self) -> str | None:
        """``"better"``, ``"within"`` or ``"worse"``, as :func:`verdict` has it."""
        if self.ours is None or self.paper is None:
            return None
        return verdict(self.ours.mean, self.paper, higher_is_better(self.cell.family, self.metric))


def measurements(
    study: Study,
    results: Mapping[str, CellResult],
    compared: Sequence[str],
    notes: Notes,
) -> list[Measurement]:
    """All metrics of all cells of a study.

    Args:
        study: the study.
        results: by the cells' ids; cells without a result are missing.
        compared: the families on which the paper's numbers stand beside ours.
        notes: the sentences of the column "why".
    """
    rows = []
    for cell in ordered(study):
        found = paper_numbers(cell) if cell.family in compared else ()
        paper = {number.metric: number for number in found}
        one = results.get(cell.id)
        names = [metric.name for metric in get_family(cell.family).metrics]
        score = None if one is None else summary_of_family(cell.family, one.scores)
        for name in [*names, SCORE]:
            rows.append(
                Measurement(
                    cell=cell,
                    metric=name,
                    seeds=() if one is None else one.seeds,
                    ours=None if one is None else Spread.of(_values(one, name)),
                    score=None if score is None else score.interquartile_mean,
                    paper=paper.get(name),
                    why=notes.of(cell),
                )
            )
    return rows


def ordered(study: Study) -> list[Cell]:
    """The cells by family and condition, so that agents on the same data are neighbours."""
    families = list(dict.fromkeys(cell.family for cell in study.cells))

    def key(cell: Cell) -> tuple[Any, ...]:
        condition = cell.condition.on(cell.family)
        return (
            families.index(cell.family),
            cell.trained,
            -condition.tasks,
            condition.demonstrations,
            -condition.subsample,
            condition.variant,
        )

    return sorted(study.cells, key=key)


def condition_text(cell: Cell) -> str:
    """Condition and changed settings of a cell, in words; all tasks go without saying."""
    if not cell.trained:
        return "not trained"
    words = [str(cell.condition.on(cell.family)).replace(", all tasks", "")]
    words += [f"{name}={value}" for name, value in cell.changes]
    return ", ".join([*words, *([] if cell.precision == "float32" else [cell.precision])])


def higher_is_better(family: str, metric: str) -> bool:
    """The good direction of a metric or of the score."""
    kinds = {one.name: one.higher_is_better for one in get_family(family).metrics}
    return kinds.get(metric, True)


def largest_gap(one: CellResult) -> tuple[int, float] | None:
    """The seed with the largest of :meth:`CellResult.score_gaps`; None without a curve."""
    gaps = one.score_gaps()
    return max(gaps.items(), key=lambda item: item[1]) if gaps else None


def csv_rows(
    rows: Sequence[Measurement], results: Mapping[str, CellResult]
) -> list[dict[str, Any]]:
    """The rows of ``table.csv``: one a cell and metric."""
    return [_csv_row(row, results.get(row.cell.id)) for row in rows]


def _csv_row(row: Measurement, one: CellResult | None) -> dict[str, Any]:
    cell, ours, paper, score = row.cell, row.ours, row.paper, row.score
    condition = cell.condition.on(cell.family).to_dict() if cell.trained else {}
    gap = None if one is None else largest_gap(one)
    costs = dict.fromkeys(COSTS) if one is None else one.costs()
    return {
        "agent": cell.agent,
        "family": cell.family,
        **{name: condition.get(name) for name in ("demonstrations", "tasks", "subsample")},
        "variant": condition.get("variant"),
        "settings": " ".join(f"{name}={value}" for name, value in cell.changes),
        "seeds": len(row.seeds),
        "metric": row.metric,
        "mean": ours and ours.mean,
        "sd_over_seeds": ours and ours.over_seeds,
        "sd_pooled": ours and ours.pooled,
        "score_iqm": score and score.value,
        "score_low": score and score.low,
        "score_high": score and score.high,
        "paper_source": paper and paper.source,
        "paper_mean": paper and paper.mean,
        "paper_sd": paper and paper.sd,
        "deviation": row.deviation,
        "verdict": row.verdict,
        "largest_gap": gap and gap[1],
        **costs,
        "why": row.why,
    }


def _values(one: CellResult, name: str) -> FloatArray:
    return one.scores if name == SCORE else one.metrics(name)
