"""Comparisons of rows as JSON-able data: profiles, and how often one row beats another."""

from __future__ import annotations

from collections.abc import Sequence

from smile_bench.leaderboard.comparison import THRESHOLDS, improvements, profile_of
from smile_bench.leaderboard.page.row_data import Json, estimate_data, row_id, shown_number
from smile_bench.leaderboard.rows import Row
from smile_bench.protocol.statistics import Profile

__all__ = ["comparison_data"]


def comparison_data(rows: Sequence[Row], ranked: Sequence[str]) -> Json:
    """Performance profiles of all rows, and the probability of improvement of those with a place.

    Args:
        rows: ranked rows.
        ranked: the families that the overall rank is over.

    Returns:
        ``thresholds``; ``profiles``, by row and family, with the key ``""`` for all ranked
        families; and ``improvements``, each pair once.
    """
    return {
        "thresholds": [shown_number(x) for x in THRESHOLDS.tolist()],
        "profiles": {row_id(row): _profiles(row, ranked) for row in rows},
        "improvements": [
            {"x": row_id(one.x), "y": row_id(one.y), "probability": estimate_data(one.probability)}
            for one in improvements(rows, ranked)
        ],
    }


def _profiles(row: Row, ranked: Sequence[str]) -> Json:
    whole = {} if row.overall is None else {"": _profile(profile_of(row, ranked))}
    return {**whole, **{family: _profile(profile_of(row, [family])) for family in row.families}}


def _profile(profile: Profile) -> Json:
    columns = {"values": profile.values, "low": profile.low, "high": profile.high}
    return {
        name: [shown_number(round(x, 4)) for x in column.tolist()]
        for name, column in columns.items()
    }
