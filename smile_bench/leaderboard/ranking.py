"""Ranking rows: within a partition, condition, track and form, overall and on each family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from smile_bench.errors import ProtocolError
from smile_bench.leaderboard.entries.conditions import CANONICAL
from smile_bench.leaderboard.rows import Partition, Row
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.statistics import Estimate
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


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """What ranks a row, overall or on one family."""

    score: Estimate
    one_seed: bool
    compared: tuple[Partition, str]
    """Partition and condition: rows that differ in them are never compared."""
    form: tuple[str, bool]
    """Track, and whether it is state-only."""

    def overlaps(self, other: _Standing) -> bool:
        """Whether the intervals of two scores have a point in common."""
        return self.score.low <= other.score.high and other.score.low <= self.score.high


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

    Only rows of one partition and condition are compared. Ranks are within a track and a form,
    places across them. A row with one training seed counts with the lowest interquartile mean among
    the rows whose intervals overlap its own, directly or through other rows with one seed; so it is
    never above any of them. Equal scores share a rank. References and rows apart get no rank,
    incomplete rows none overall.

    Returns:
        The rows by partition, condition, track, form and rank; references last.
    """
    overall = _positions({i: _standing(row, None) for i, row in enumerate(rows)})
    families = {family for row in rows for family in row.families}
    of_family = {
        family: _positions({i: _standing(row, family) for i, row in enumerate(rows)})
        for family in families
    }
    ranked = []
    for i, row in enumerate(rows):
        parts = {}
        for family, part in row.families.items():
            position, place = of_family[family].get(i, (None, None))
            parts[family] = replace(part, rank=position, place=place)
        position, place = overall.get(i, (None, None))
        ranked.append(replace(row, families=parts, rank=position, place=place))
    return sorted(ranked, key=_order)


def _standing(row: Row, family: str | None) -> _Standing | None:
    """What ranks a row; None if it does not compete."""
    part = row if family is None else row.families.get(family)
    if part is None or row.card.reference or row.apart:
        return None
    summary = part.overall if isinstance(part, Row) else part.summary
    if summary is None:
        return None
    return _Standing(
        score=summary.interquartile_mean,
        one_seed=part.one_seed,
        compared=(row.partition, part.condition),
        form=(row.card.track, row.card.state_only),
    )


def _positions(standings: Mapping[int, _Standing | None]) -> dict[int, tuple[int, int]]:
    """Rank within track and form, and place across them, of each row that competes."""
    competing = {row: one for row, one in standings.items() if one is not None}
    places = _ranked_within(competing, lambda one: one.compared)
    ranks = _ranked_within(competing, lambda one: (one.compared, one.form))
    return {row: (ranks[row], places[row]) for row in competing}


def _ranked_within(
    standings: Mapping[int, _Standing], group: Callable[[_Standing], object]
) -> dict[int, int]:
    groups: dict[object, dict[int, _Standing]] = defaultdict(dict)
    for row, one in standings.items():
        groups[group(one)][row] = one
    ranks = {}
    for members in groups.values():
        scores = {row: _counted(row, members) for row in members}
        for row, score in scores.items():
            ranks[row] = 1 + sum(other > score for other in scores.values())
    return ranks


def _counted(row: int, standings: Mapping[int, _Standing]) -> float:
    """The score with which a row counts: the lowest that it may not be ranked above.

    Two rows with one seed that overlap may neither be above the other. So the search continues
    through them, and all rows of such a chain share a score.
    """
    reached, waiting = {row}, [row]
    while waiting:
        one = standings[waiting.pop()]
        if one.one_seed:
            new = [k for k, other in standings.items() if k not in reached and one.overlaps(other)]
            reached.update(new)
            waiting.extend(new)
    return min(standings[k].score.value for k in reached)


def _order(row: Row) -> tuple[object, ...]:
    card = row.card
    score = -float("inf") if row.overall is None else row.overall.interquartile_mean.value
    return (
        row.partition,
        row.apart,
        card.reference,
        row.condition != CANONICAL,
        row.condition,
        list(TRACKS).index(card.track),
        card.state_only,
        row.rank is None,
        row.rank or 0,
        -score if row.rank else 0.0,
        card.name,
    )
