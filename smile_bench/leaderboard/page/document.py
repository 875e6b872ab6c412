"""The leaderboard as JSON-able data: ``leaderboard.json``, which the page also draws from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smile_bench.envs import Family, all_families
from smile_bench.errors import ProtocolError
from smile_bench.leaderboard.checks.further import Fresh
from smile_bench.leaderboard.checks.retraining import Retrained
from smile_bench.leaderboard.checks.verification import Status, status_label
from smile_bench.leaderboard.entries.training import Curve
from smile_bench.leaderboard.page.published import Published, PublishedRow
from smile_bench.leaderboard.rows import FamilyRow, Partition, Row
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.statistics import Estimate, Summary
from smile_bench.tracks import TRACKS

__all__ = ["FORMAT", "leaderboard_document", "plot_kind"]

FORMAT = "smile-bench-leaderboard-1"
DIGITS = 6
"""Significant digits of the numbers in the document."""

Json = dict[str, Any]


def leaderboard_document(
    rows: Sequence[Row],
    published: Published,
    ranked: Sequence[str],
    *,
    evidence_base: str,
    replayed: bool = True,
    code: Mapping[str, str] | None = None,
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
    """
    partitions = {row.partition: "" for row in rows}
    used = {family for row in rows for family in row.families}
    used |= {family for row in published.rows for family in row.families}
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
        "rows": [_row(row, code or {}) for row in rows],
        "published": {
            "title": published.title,
            "authors": list(published.authors),
            "venue": published.venue,
            "address": published.address,
            "note": published.note,
            "rows": [_published(row) for row in published.rows],
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
        "id": f"{partition.protocol}/{partition.mujoco}",
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
        "positions": None if positions is None else [_number(x) for x in positions],
        "references": {k: [_number(x) for x in v] for k, v in _references(family).items()},
    }


def _row_id(row: Row) -> str:
    place = f"{row.partition.protocol}/{row.partition.mujoco}"
    return f"{row.card.name}@{place}{'/apart' if row.apart else ''}"


def _row(row: Row, code: Mapping[str, str]) -> Json:
    card = row.card
    return {
        "id": _row_id(row),
        "name": card.name,
        "title": card.title,
        "authors": list(card.authors),
        "paper": card.paper,
        "code": card.code,
        "source": None if card.code or card.agent is None else code.get(card.agent),
        "description": card.description,
        "track": card.track,
        "state_only": card.state_only,
        "kind": "reference" if card.reference else "entry",
        "partition": f"{row.partition.protocol}/{row.partition.mujoco}",
        "apart": row.apart,
        "rank": row.rank,
        "place": row.place,
        "overall": None if row.overall is None else _summary(row.overall),
        "missing": list(row.missing),
        "status": _status(row.statuses),
        "checks": _checks(list(row.families.values())),
        "families": {family: _family_row(part) for family, part in row.families.items()},
    }


def _family_row(part: FamilyRow) -> Json:
    return {
        "rank": part.rank,
        "protocol_version": part.protocol_version,
        "seeds": list(part.seeds),
        "score": _summary(part.summary),
        "metrics": {name: _estimate(estimate) for name, estimate in part.metrics.items()},
        "worst": _number(part.worst),
        "per_task": [_number(x) for x in part.per_task],
        "scores": [_number(x) for x in part.scores],
        "shots": [
            {
                "shots": point.shots,
                "metric": _estimate(point.metric),
                "score": _number(point.score),
            }
            for point in part.shots
        ],
        "shots_measured": part.shots_measured,
        "shots_status": _status(part.shots_statuses) if part.shots_statuses else None,
        "curves": [_curve(seed, curve) for seed, curve in part.curves],
        "demonstrations": part.demonstrations,
        "cost": {
            "env_steps": _number(part.cost.env_steps),
            "expert_queries": _number(part.cost.expert_queries),
            "hours": _number(part.cost.hours),
        },
        "status": _status(part.statuses),
        "checks": _checks([part]),
        "retrained": None if part.retrained is None else _retrained(part.retrained),
        "fresh": None if part.fresh is None else _fresh(part.fresh),
        "evidence": [{"label": label, "path": path} for label, path in part.evidence],
    }


def _published(row: PublishedRow) -> Json:
    return {
        "id": row.name,
        "title": row.title,
        "track": row.track,
        "state_only": row.state_only,
        "kind": "published",
        "families": {
            family: {
                "source": part.source,
                "demonstrations": part.demonstrations,
                "subsample": part.subsample,
                "metrics": {name: list(pair) for name, pair in part.metrics.items()},
                "score": None if part.score is None else list(part.score),
            }
            for family, part in row.families.items()
        },
    }


def _status(of_seeds: Mapping[int, Status]) -> Json:
    """The worst status of several seeds, and a label that names them all."""
    return {"id": max(of_seeds.values()).name.lower(), "label": status_label(of_seeds)}


def _checks(parts: Sequence[FamilyRow]) -> Json:
    """Which checks each of some families has passed."""
    worst = max(status for part in parts for status in part.statuses.values())
    return {
        "replayed": worst.replays_exactly,
        "rerun": worst is Status.CONFIRMED,
        "retrained": all(part.retrained is not None and part.retrained.agrees for part in parts),
        "fresh": all(part.fresh is not None for part in parts),
    }


def _retrained(found: Retrained) -> Json:
    return {
        "agrees": found.agrees,
        "scores": [_number(score) for score in found.scores],
        "interval": [_number(found.low), _number(found.high)],
    }


def _fresh(found: Fresh) -> Json:
    numbers = ("frozen", "fresh", "gap", "gap_error")
    return {"season": found.season, **{name: _number(getattr(found, name)) for name in numbers}}


def _summary(summary: Summary) -> Json:
    return {
        "iqm": _estimate(summary.interquartile_mean),
        "mean": _estimate(summary.mean),
        "gap": _estimate(summary.optimality_gap),
        "tasks": summary.tasks,
    }


def _estimate(estimate: Estimate) -> list[float | None]:
    return [_number(estimate.value), _number(estimate.low), _number(estimate.high)]


def _curve(seed: int, curve: Curve) -> Json:
    columns: Mapping[str, Sequence[float] | None] = {
        "seconds": curve.seconds,
        "env_steps": curve.env_steps,
        "values": curve.values,
    }
    return {
        "seed": seed,
        **{
            name: None if values is None else [_number(x) for x in values]
            for name, values in columns.items()
        },
    }


def _number(value: float | None) -> float | None:
    """A number with six significant digits; a whole number as an integer."""
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be shown: the checks should have refused it.")
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
