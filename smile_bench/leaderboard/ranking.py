"""Ranking rows: within a partition, track and form, overall and on each family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from smile_bench.errors import ProtocolError
from smile_bench.leaderboard.rows import Partition, Row
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.statistics import Summary
from smile_bench.tracks import TRACKS

__all__ = ["PAPER_FAMILIES", "rank", "ranked_families"]

PAPER_FAMILIES = (
    "SmileAntGoal-v0",
    "SmileAntLinearClassification-v0",
    "SmileHalfCheetahVelocity-v0",
    "SmileWalkerDynamics-v0",
)
"""The families of the SMILe paper. Overall ranks are over these alone, so that a family that is
added, here or by a user, changes nobody's rank."""

Key = tuple[Partition, str, bool]
"""Rows that are ranked together: partition, track, state-only."""


def ranked_families() -> tuple[str, ...]:
    """The families that the overall rank is over: those of the paper whose protocol is frozen."""
    found = []
    for family in PAPER_FAMILIES:
        try:
            load_meta_test(family)
        except ProtocolError:
            continue
        found.append(family)
    return tuple(found)


def rank(rows: Sequence[Row]) -> list[Row]:
    """Rank rows by their interquartile means, overall and on each family.

    References and rows apart get no rank; incomplete rows get none overall. Equal means share a
    rank. Across tracks and forms, complete rows have a place by the same score.

    Returns:
        The rows by partition, track, form and rank; references last.
    """
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[(row.partition, row.card.track, row.card.state_only)].append(row)
    ranked = []
    for group in groups.values():
        entries = [row for row in group if _competes(row)]
        overall = _ranks({r.card.name: r.overall for r in entries if r.overall is not None})
        of_family = {
            family: _ranks(
                {r.card.name: r.families[family].summary for r in entries if family in r.families}
            )
            for family in {family for row in entries for family in row.families}
        }
        for row in group:
            name = row.card.name
            families = {
                family: replace(
                    part, rank=None if row.apart else of_family.get(family, {}).get(name)
                )
                for family, part in row.families.items()
            }
            ranked.append(
                replace(row, families=families, rank=None if row.apart else overall.get(name))
            )
    return sorted(_placed(ranked), key=_order)


def _competes(row: Row) -> bool:
    return not row.card.reference and not row.apart


def _placed(rows: Sequence[Row]) -> list[Row]:
    """The rows with their places across tracks and forms, within each partition."""
    placed = []
    for row in rows:
        place = None
        if _competes(row) and row.overall is not None:
            own = row.overall.interquartile_mean.value
            place = 1 + sum(
                other.overall.interquartile_mean.value > own
                for other in rows
                if _competes(other)
                and other.partition == row.partition
                and other.overall is not None
            )
        placed.append(replace(row, place=place))
    return placed


def _order(row: Row) -> tuple[object, ...]:
    card = row.card
    unranked = row.rank is None
    return (
        row.partition,
        row.apart,
        card.reference,
        list(TRACKS).index(card.track),
        card.state_only,
        unranked,
        row.rank or 0,
        card.name,
    )


def _ranks(summaries: Mapping[str, Summary]) -> dict[str, int]:
    values = {name: summary.interquartile_mean.value for name, summary in summaries.items()}
    return {
        name: 1 + sum(other > value for other in values.values()) for name, value in values.items()
    }
