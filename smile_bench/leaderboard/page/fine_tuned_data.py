"""Curves of the fine-tune track as JSON-able data."""

from __future__ import annotations

from collections.abc import Sequence

from smile_bench.leaderboard.checks.verification import status_label
from smile_bench.leaderboard.fine_tuned import FineTunedRow
from smile_bench.leaderboard.page.row_data import (
    Json,
    estimate_data,
    partition_id,
    shown_number,
)
from smile_bench.protocol.fine_tuning import EPISODES

__all__ = ["fine_tuned_data"]


def fine_tuned_data(rows: Sequence[FineTunedRow]) -> list[Json]:
    """The rows, in their order."""
    return [
        {
            "name": row.card.name,
            "title": row.card.title,
            "state_only": row.card.state_only,
            "partition": partition_id(row.partition),
            "family": row.family,
            "contexts": row.contexts,
            "seeds": list(row.seeds),
            "apart": row.apart,
            "rank": row.rank,
            "episodes": list(EPISODES),
            "area": estimate_data(row.area),
            "scores": [estimate_data(score) for score in row.scores],
            "demonstrator": shown_number(row.demonstrator),
            "status": status_label(row.statuses),
            "evidence": [{"label": label, "path": path} for label, path in row.evidence],
        }
        for row in rows
    ]
