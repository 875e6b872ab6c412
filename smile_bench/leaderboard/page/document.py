"""The leaderboard as JSON-able data: ``leaderboard.json``, which the page also draws from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smile_bench.envs import Family, all_families
from smile_bench.errors import ProtocolError
from smile_bench.leaderboard.checks.study import StudyCell
from smile_bench.leaderboard.fine_tuned import FineTunedRow
from smile_bench.leaderboard.page.comparison_data import comparison_data
from smile_bench.leaderboard.page.fine_tuned_data import fine_tuned_data
from smile_bench.leaderboard.page.published import Published
from smile_bench.leaderboard.page.row_data import (
    Json,
    partition_id,
    published_data,
    row_data,
    shown_number,
)
from smile_bench.leaderboard.page.surface_data import surfaces_data
from smile_bench.leaderboard.rows import Partition, Row
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.tracks import TRACKS

__all__ = ["FORMAT", "leaderboard_document", "plot_kind"]

FORMAT = "smile-bench-leaderboard-1"


def leaderboard_document(
    rows: Sequence[Row],
    published: Published,
    ranked: Sequence[str],
    *,
    evidence_base: str,
    replayed: bool = True,
    code: Mapping[str, str] | None = None,
    studies: Sequence[StudyCell] = (),
    fine_tuned: Sequence[FineTunedRow] = (),
) -> Json:
    """The whole leaderboard.

    Args:
        rows: ranked rows, in the order in which the page shows them.
        published: the paper's numbers.
        ranked: the families that the overall rank is over.
        evidence_base: address of the entries' folder, ending in a slash; links to results begin
            with it.
        replayed: whether results were replayed, rather than trusted.
        code: address of the code of agents that ship, for cards that name none.
        studies: cells of studies, which become budget surfaces.
        fine_tuned: ranked rows of the fine-tune track.
    """
    partitions = {row.partition: "" for row in rows}
    used = {family for row in rows for family in row.families}
    used |= {family for row in published.rows for family in row.families}
    used |= {cell.family for cell in studies} | {row.family for row in fine_tuned}
    return {
        "format": FORMAT,
        "evidence": evidence_base,
        "replayed": replayed,
        "partitions": [_partition(p) for p in sorted(partitions, key=_newest, reverse=True)],
        "tracks": [{"id": name, "rule": track.rule} for name, track in TRACKS.items()],
        "families": [
            _family(family, ranked=family.id in ranked)
            for family in sorted(
                all_families().values(), key=lambda family: family.id not in ranked
            )
            if family.id in used or family.id in ranked
        ],
        "rows": [row_data(row, code or {}) for row in rows],
        "comparison": comparison_data(rows, ranked),
        "surfaces": surfaces_data(studies),
        "fine_tuned": fine_tuned_data(fine_tuned),
        "published": {
            "title": published.title,
            "authors": list(published.authors),
            "venue": published.venue,
            "address": published.address,
            "note": published.note,
            "rows": [published_data(row) for row in published.rows],
        },
    }


def plot_kind(family: Family) -> str:
    """How a plot lays out a family's tasks.

    ``"line"``: over the task's only parameter. ``"circle"``: by angle, where tasks are points on a
    circle around the origin and the metric is an error. ``"scatter"``: against the expert, where
    the expert's results differ between tasks. ``"shots"``: otherwise; tasks are sorted.
    """
    table = family.table("test")
    if table.shape[1] == 1:
        return "line"
    on_circle = table.shape[1] == 2 and np.ptp(np.linalg.norm(table, axis=1)) < 1e-6
    if on_circle and not family.metric.higher_is_better:
        return "circle"
    expert = _references(family).get("expert")
    if expert is not None and np.ptp(expert) <= 0.05 * np.max(np.abs(expert)):
        return "shots"
    return "scatter"


def _partition(partition: Partition) -> Json:
    return {
        "id": partition_id(partition),
        "protocol": partition.protocol,
        "mujoco": partition.mujoco,
    }


def _newest(partition: Partition) -> tuple[int, ...]:
    parts = [partition.protocol.lstrip("v"), *partition.mujoco.split(".")]
    return tuple(int(part) if part.isdigit() else -1 for part in parts)


def _references(family: Family) -> dict[str, list[float]]:
    """Primary metric of the expert and the task-blind expert on each task, if frozen."""
    try:
        references = load_meta_test(family.id).references
    except ProtocolError:
        return {}
    name = family.metric.name
    return {
        "expert": references.expert[name].tolist(),
        "blind": references.blind[name].tolist(),
    }


def _family(family: Family, *, ranked: bool) -> Json:
    table = family.table("test")
    kind = plot_kind(family)
    positions: list[float] | None = None
    if kind == "line":
        positions = table[:, 0].tolist()
    elif kind == "circle":
        positions = (np.arctan2(table[:, 1], table[:, 0]) % (2 * np.pi)).tolist()
    return {
        "id": family.id,
        "title": family.title,
        "summary": family.summary,
        "ranked": ranked,
        "metrics": [
            {
                "name": metric.name,
                "label": metric.name.replace("_", " "),
                "description": metric.description,
                "unit": metric.unit,
                "higher": metric.higher_is_better,
            }
            for metric in family.metrics
        ],
        "sizes": list(family.context_sizes),
        "parameter": family.parameter_names[0].replace("_", " "),
        "plot": kind,
        "positions": None if positions is None else [shown_number(x) for x in positions],
        "references": {k: [shown_number(x) for x in v] for k, v in _references(family).items()},
    }
