"""Rows of the leaderboard as JSON-able data, with their numbers rounded for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from smile_bench.leaderboard.checks.further import Fresh
from smile_bench.leaderboard.checks.retraining import Retrained
from smile_bench.leaderboard.checks.verification import Status, status_label
from smile_bench.leaderboard.entries.training import Curve
from smile_bench.leaderboard.page.published import PublishedRow
from smile_bench.leaderboard.rows import FamilyRow, Partition, Row
from smile_bench.protocol.statistics import Estimate, Summary

__all__ = [
    "Json",
    "estimate_data",
    "partition_id",
    "published_data",
    "row_data",
    "row_id",
    "shown_number",
]

DIGITS = 6
"""Significant digits of the numbers in the document."""

Json = dict[str, Any]


def row_data(row: Row, code: Mapping[str, str]) -> Json:
    """A row of an entry.

    Args:
        row: the row, ranked.
        code: address of the code of agents that ship, for cards that name none.
    """
    card = row.card
    return {
        "id": row_id(row),
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
        "partition": partition_id(row.partition),
        "condition": row.condition,
        "one_seed": row.one_seed,
        "apart": row.apart,
        "rank": row.rank,
        "place": row.place,
        "overall": None if row.overall is None else _summary(row.overall),
        "missing": list(row.missing),
        "status": _status(row.statuses),
        "checks": _checks(list(row.families.values())),
        "families": {family: _family_row(part) for family, part in row.families.items()},
    }


def published_data(row: PublishedRow) -> Json:
    """A row of the paper's numbers."""
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


def partition_id(partition: Partition) -> str:
    """What the page calls the results that are ranked together."""
    return f"{partition.protocol}/{partition.mujoco}"


def shown_number(value: float | None) -> float | None:
    """A number with six significant digits; a whole number as an integer.

    Raises:
        ValueError: it is not finite.
    """
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be shown: the checks should have refused it.")
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def row_id(row: Row) -> str:
    """What the page calls a row."""
    return f"{row.card.name}@{partition_id(row.partition)}{'/apart' if row.apart else ''}"


def _family_row(part: FamilyRow) -> Json:
    return {
        "rank": part.rank,
        "place": part.place,
        "condition": part.condition,
        "one_seed": part.one_seed,
        "trained": part.trained,
        "protocol_version": part.protocol_version,
        "seeds": list(part.seeds),
        "score": _summary(part.summary),
        "metrics": {name: estimate_data(estimate) for name, estimate in part.metrics.items()},
        "worst": shown_number(part.worst),
        "per_task": [shown_number(x) for x in part.per_task],
        "scores": [shown_number(x) for x in part.scores],
        "shots": [
            {
                "shots": point.shots,
                "metric": estimate_data(point.metric),
                "score": shown_number(point.score),
            }
            for point in part.shots
        ],
        "shots_measured": part.shots_measured,
        "shots_status": _status(part.shots_statuses) if part.shots_statuses else None,
        "curves": [_curve(seed, curve) for seed, curve in part.curves],
        "demonstrations": part.demonstrations,
        "coverage": shown_number(part.coverage),
        "cost": {
            "env_steps": shown_number(part.cost.env_steps),
            "expert_queries": shown_number(part.cost.expert_queries),
            "hours": shown_number(part.cost.hours),
        },
        "status": _status(part.statuses),
        "checks": _checks([part]),
        "retrained": None if part.retrained is None else _retrained(part.retrained),
        "fresh": None if part.fresh is None else _fresh(part.fresh),
        "evidence": [{"label": label, "path": path} for label, path in part.evidence],
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
        "scores": [shown_number(score) for score in found.scores],
        "interval": [shown_number(found.low), shown_number(found.high)],
    }


def _fresh(found: Fresh) -> Json:
    numbers = ("frozen", "fresh", "gap", "gap_error")
    return {
        "season": found.season,
        **{name: shown_number(getattr(found, name)) for name in numbers},
    }


def _summary(summary: Summary) -> Json:
    return {
        "iqm": estimate_data(summary.interquartile_mean),
        "mean": estimate_data(summary.mean),
        "gap": estimate_data(summary.optimality_gap),
        "tasks": summary.tasks,
    }


def estimate_data(estimate: Estimate) -> list[float | None]:
    """A statistic and the ends of its interval."""
    return [shown_number(estimate.value), shown_number(estimate.low), shown_number(estimate.high)]


def _curve(seed: int, curve: Curve) -> Json:
    columns: Mapping[str, Sequence[float] | None] = {
        "seconds": curve.seconds,
        "env_steps": curve.env_steps,
        "values": curve.values,
    }
    return {
        "seed": seed,
        **{
            name: None if values is None else [shown_number(x) for x in values]
            for name, values in columns.items()
        },
    }
