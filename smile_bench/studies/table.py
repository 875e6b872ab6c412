"""The table of a study: one row a cell, or one a training, as JSON, CSV, Markdown or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.baselines.registry import get_agent
from smile_bench.envs import get_family
from smile_bench.io.files import replacing, write_atomically
from smile_bench.leaderboard.bootstrap import summary_of_family
from smile_bench.leaderboard.checks.study import FORMAT
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.provenance import package_versions
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.results import CellResult, training_costs

__all__ = ["FORMAT", "FORMATS", "cell_rows", "run_rows", "table_document", "write_table"]

FORMATS = ("markdown", "csv", "parquet", "json")
CONTEXT = ("demonstrations", "tasks", "subsample", "variant")

Row = dict[str, Any]


def cell_rows(cells: Sequence[CellResult]) -> list[Row]:
    """One row a cell: its metric and scores over seeds and tasks, and what a training cost.

    ``score`` is the interquartile mean with its 95 % interval over seeds and tasks, ``metric`` the
    mean over tasks, averaged over seeds, and ``metric_sd`` its standard deviation over seeds.
    ``worst_gap`` is the largest of :meth:`CellResult.score_gaps`: how far, in units of the score,
    the last checkpoint of a seed was from the best along the way, on meta-validation.
    """
    rows = []
    for one in cells:
        score = summary_of_family(one.cell.family, one.scores).interquartile_mean
        per_seed = np.nanmean(one.metrics(), axis=1)
        rows.append(
            {
                **_identity(one),
                "seeds": len(one.seeds),
                "score": score.value,
                "score_low": score.low,
                "score_high": score.high,
                "metric_name": get_family(one.cell.family).metric.name,
                "metric": float(per_seed.mean()),
                "metric_sd": float(per_seed.std(ddof=1)) if len(per_seed) > 1 else None,
                "worst_gap": max(one.score_gaps().values(), default=None),
                **one.costs(),
            }
        )
    return rows


def run_rows(cells: Sequence[CellResult]) -> list[Row]:
    """One row a training: its score, every metric of the family, and what it cost."""
    rows = []
    for one in cells:
        ends = one.best_and_last()
        for seed, result in one.results.items():
            best, last = ends[seed] or (None, None)
            rows.append(
                {
                    **_identity(one),
                    "seed": seed,
                    "score": result.score,
                    "metric_name": get_family(one.cell.family).metric.name,
                    "metric": result.metric,
                    "validation_best": best,
                    "validation_last": last,
                    **training_costs(result),
                    "weights_sha256": result.weights,
                }
            )
    return rows


def table_document(folder: StudyFolder, cells: Sequence[CellResult]) -> dict[str, Any]:
    """All cells with the scores of every seed and task, for ``leaderboard build --study``."""
    return {
        "format": FORMAT,
        "study": folder.study.name,
        "sha256": folder.study.digest,
        "versions": package_versions(torch=any(one.cell.trained for one in cells)),
        "cells": [_cell(one) for one in cells],
    }


def write_table(rows: Sequence[Row], path: Path, kind: str) -> None:
    """Write rows to a file, whole or not at all.

    Args:
        rows: all with the same names.
        path: the file.
        kind: ``"csv"``, ``"markdown"`` or ``"parquet"``; the last needs PyArrow.

    Raises:
        ModuleNotFoundError: PyArrow is missing.
    """
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        with replacing(path) as temporary:
            pq.write_table(pa.Table.from_pylist(list(rows)), temporary)
        return
    write_atomically(path, as_csv(rows) if kind == "csv" else as_markdown(rows))


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as comma-separated values; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table, with numbers to four digits."""
    if not rows:
        return "No cell has a result yet.\n"
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_shown(row[name]) for name in names] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(document: Mapping[str, Any]) -> str:
    """The document as text."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _identity(one: CellResult) -> Row:
    condition = one.cell.condition.on(one.cell.family)
    settings = " ".join(f"{name}={value}" for name, value in _settings(one).items())
    facts = condition.to_dict() if one.cell.trained else dict.fromkeys(CONTEXT)
    return {"agent": one.cell.agent, "family": one.cell.family, **facts, "settings": settings}


def _settings(one: CellResult) -> dict[str, str]:
    """What differs from the preset and from single precision."""
    changed = dict(one.cell.changes)
    return changed if one.cell.precision == "float32" else {**changed, "precision": "bf16"}


def _cell(one: CellResult) -> dict[str, Any]:
    cell, training = one.cell, get_agent(one.cell.agent).training
    condition = cell.condition.on(cell.family)
    first = next(iter(one.results.values()))
    ends = [pair or (None, None) for pair in one.best_and_last().values()]
    return {
        "agent": cell.agent,
        "family": cell.family,
        "protocol": load_meta_test(cell.family).version,
        "track": "offline" if training is None else training.track,
        "state_only": first.state_only,
        "condition": {
            **condition.to_dict(),
            "sha256": condition.digest,
            "label": str(condition),
        },
        "settings": _settings(one),
        "seeds": list(one.seeds),
        "scores": _nested(one.scores),
        "metric": get_family(cell.family).metric.name,
        "metrics": _nested(one.metrics()),
        "best": [best for best, _ in ends],
        "last": [last for _, last in ends],
        "cost": one.costs(),
    }


def _nested(array: Any) -> list[list[float | None]]:
    return [[None if np.isnan(x) else float(x) for x in row] for row in array]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
