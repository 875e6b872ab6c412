"""Rows of the fine-tune track: curves over rewarded episodes, ranked by the area under them.

A row is an entry on one family with one kind of contexts. It is never compared with rows of other
tracks, because its agent may learn from the reward of the tasks that it is scored in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.leaderboard.bootstrap import summary_of_family
from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.card import Card
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, FineTunedRun
from smile_bench.leaderboard.rows import Partition, partition_of
from smile_bench.protocol.fine_tuning import (
    CONTEXTS,
    EPISODES,
    area_under_curve,
    load_fine_tuning,
)
from smile_bench.protocol.statistics import Estimate

__all__ = ["FineTunedRow", "fine_tuned_rows", "ranked_fine_tuned"]


@dataclass(frozen=True, kw_only=True)
class FineTunedRow:
    """An entry on one family with one kind of contexts."""

    card: Card
    partition: Partition
    family: str
    contexts: str
    """Who gave the demonstrations."""
    seeds: tuple[int, ...]
    apart: bool
    """Whether its results did not replay exactly in this build. Such a row gets no rank."""
    area: Estimate
    """Interquartile mean, over seeds and tasks, of the areas under the curves."""
    scores: tuple[Estimate, ...]
    """The same of the scores after each number of rewarded episodes."""
    demonstrator: float
    """Normalised score of the demonstrator, averaged over tasks."""
    statuses: Mapping[int, Status]
    """What verification found of each seed's results, the worst."""
    evidence: tuple[tuple[str, str], ...]
    """Label of each result, and its path below the entries' folder."""
    rank: int | None = None
    """Within its family, contexts and form."""

    @property
    def one_seed(self) -> bool:
        """Whether it rests on one training seed. Such a row gets no rank."""
        return len(self.seeds) == 1


def fine_tuned_rows(
    entry: Entry, statuses: Callable[[Evaluated], Status], *, trusted: bool = False
) -> list[FineTunedRow]:
    """The rows of an entry, not yet ranked; none on other tracks.

    Seeds whose results did not all replay exactly make a row of their own, apart.

    Args:
        entry: the entry, checked.
        statuses: returns what verification found of an evaluation.
        trusted: whether the build replays nothing. Then nothing is apart.
    """
    groups: dict[tuple[str, str, bool, Partition], list[FineTunedRun]] = {}
    for run in entry.fine_tuned:
        for contexts, curve in run.curves.items():
            exact = all(statuses(one).replays_exactly for one in curve.values())
            partition = partition_of(curve[EPISODES[0]], replayed=not trusted)
            key = (run.family, contexts, not trusted and not exact, partition)
            groups.setdefault(key, []).append(run)
    return [
        _row(entry.card, family, contexts, apart, partition, runs, statuses)
        for (family, contexts, apart, partition), runs in groups.items()
    ]


def ranked_fine_tuned(rows: Sequence[FineTunedRow]) -> list[FineTunedRow]:
    """Rank rows by area, within a family, kind of contexts, partition and form.

    References, rows apart and rows with one seed get no rank; equal areas share one.

    Returns:
        The rows by family, contexts and rank.
    """

    def group(row: FineTunedRow) -> object:
        return (row.partition, row.family, row.contexts, row.card.state_only)

    def competes(row: FineTunedRow) -> bool:
        return not (row.apart or row.one_seed or row.card.reference)

    found = []
    for row in rows:
        rivals = [one for one in rows if competes(one) and group(one) == group(row)]
        better = sum(one.area.value > row.area.value for one in rivals)
        found.append(replace(row, rank=1 + better if competes(row) else None))
    return sorted(
        found,
        key=lambda row: (
            row.partition,
            row.family,
            CONTEXTS.index(row.contexts),
            row.card.state_only,
            row.rank is None,
            -row.area.value,
            row.card.name,
        ),
    )


def _row(
    card: Card,
    family: str,
    contexts: str,
    apart: bool,
    partition: Partition,
    runs: Sequence[FineTunedRun],
    statuses: Callable[[Evaluated], Status],
) -> FineTunedRow:
    frozen = load_fine_tuning(family, contexts)
    curves = [run.curves[contexts] for run in runs]
    scores = np.array([[curve[n].result.scores for n in EPISODES] for curve in curves])
    of_tasks: FloatArray = scores[:, :, frozen.learning_tasks]
    areas = np.stack([area_under_curve(EPISODES, curve) for curve in of_tasks])
    return FineTunedRow(
        card=card,
        partition=partition,
        family=family,
        contexts=contexts,
        seeds=tuple(run.seed for run in runs),
        apart=apart,
        area=summary_of_family(family, areas).interquartile_mean,
        scores=tuple(
            summary_of_family(family, of_tasks[:, i]).interquartile_mean
            for i in range(len(EPISODES))
        ),
        demonstrator=frozen.demonstrator_score,
        statuses={
            run.seed: max(statuses(one) for one in curve.values())
            for run, curve in zip(runs, curves, strict=True)
        },
        evidence=tuple(
            (f"seed {run.seed}, {number} episodes", f"{card.name}/{one.place}")
            for run, curve in zip(runs, curves, strict=True)
            for number, one in curve.items()
        ),
    )
