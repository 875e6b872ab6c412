"""The rows of the leaderboard: an entry's statistics, costs and verification.

A row is of one partition, a protocol number and a MuJoCo minor version: numbers of different
physics are never compared. The version is that of the MuJoCo which replayed the row, whatever its
results state. What did not replay exactly makes a row of its own, which gets no rank. A score is
the interquartile mean of the normalised scores, pooled over the ranked families as in
:mod:`smile_bench.protocol.statistics`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.compat import deprecated
from smile_bench.datasets.conditions.condition import FamilyCondition
from smile_bench.envs import get_family
from smile_bench.leaderboard.bootstrap import (
    mean_over_tasks,
    summary_of_family,
    summary_overall,
)
from smile_bench.leaderboard.checks.further import Fresh, Further
from smile_bench.leaderboard.checks.retraining import Retrained
from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.card import Card
from smile_bench.leaderboard.entries.conditions import condition_label, stated_condition
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, Run
from smile_bench.leaderboard.entries.training import (
    Cost,
    Curve,
    mean_cost,
    mean_coverage,
    training_of,
)
from smile_bench.leaderboard.shots import ShotPoint, shot_curve
from smile_bench.protocol.statistics import Estimate, Summary
from smile_bench.provenance import version_of
from smile_bench.tracks import TRACKS

__all__ = ["FamilyRow", "Partition", "Row", "ShotPoint", "entry_rows"]


@dataclass(frozen=True, order=True)
class Partition:
    """What results must share to be compared."""

    protocol: str
    """Number of the protocol, ``"v0"``."""
    mujoco: str
    """Major and minor version, ``"4.0"``."""


@dataclass(frozen=True, kw_only=True)
class FamilyRow:
    """An entry on one family; seeds are averaged unless said otherwise."""

    family: str
    protocol_version: str
    condition: str
    """Of its trainings: ``"canonical"``, or the condition in words."""
    trained: bool
    """Whether its results state a training or weights. Without one there is only one run."""
    seeds: tuple[int, ...]
    summary: Summary
    """Of the normalised scores."""
    metrics: Mapping[str, Estimate]
    """Each metric's mean over tasks."""
    per_task: tuple[float, ...]
    """Primary metric on each meta-test task."""
    scores: tuple[float | None, ...]
    """Normalised score on each task; None where the references cannot measure it."""
    by_seed: tuple[tuple[float | None, ...], ...]
    """The same of each seed, in the order of ``seeds``."""
    worst: float
    """Primary metric on the worst task."""
    shots: tuple[ShotPoint, ...]
    shots_measured: bool
    """Whether each context size has an evaluation of its own that this build replayed or ran again.
    Otherwise the curve is the primary evaluation, split by context size."""
    curves: tuple[tuple[int, Curve], ...]
    """Seed and learning curve of each training that has one."""
    demonstrations: int
    coverage: float | None
    """Of an entry that learned without demonstrations, the mean over seeds of the share of the
    family's cells that training reached; None where that is not known."""
    cost: Cost
    statuses: Mapping[int, Status]
    """What verification found of each seed's primary evaluation."""
    shots_statuses: Mapping[int, Status]
    """What it found of each seed's shot curve, the worst; empty without one."""
    evidence: tuple[tuple[str, str], ...]
    """Label of each result, and its path below the entries' folder."""
    retrained: Retrained | None = None
    """What new trainings gave, where that was measured."""
    fresh: Fresh | None = None
    """Its score in a season, where that was measured."""
    rank: int | None = None
    """On this family, within its track and form."""
    place: int | None = None
    """On this family, across tracks and forms."""

    @property
    def one_seed(self) -> bool:
        """Whether it rests on one training."""
        return self.trained and len(self.seeds) == 1

    @property
    def seed_scores(self) -> FloatArray:
        """Normalised scores (seeds, tasks); NaN where the references cannot measure a task."""
        return np.array(self.by_seed, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An entry in one partition."""

    card: Card
    partition: Partition
    families: Mapping[str, FamilyRow]
    condition: str
    """Of its trainings on the ranked families: ``"canonical"``, or the condition in words."""
    apart: bool
    """Whether it is shown apart, unranked: its results did not replay exactly in this build."""
    overall: Summary | None
    """Over the ranked families; None unless the entry has all of them."""
    one_seed: bool
    """Whether it rests on one training on a ranked family."""
    missing: tuple[str, ...]
    """Ranked families that it lacks."""
    rank: int | None = None
    """Within its track and form."""
    place: int | None = None
    """Across tracks and forms."""

    @property
    def statuses(self) -> Mapping[int, Status]:
        """What verification found of each seed's primary evaluations, the worst over families."""
        return _worst(pair for part in self.families.values() for pair in part.statuses.items())


def partition_of(one: Evaluated, *, replayed: bool) -> Partition:
    """The partition that a result is filed under.

    Args:
        one: the evaluation.
        replayed: whether the MuJoCo of this build counts. Otherwise it is what the result states.
    """
    protocol = one.result.protocol_version.partition("-")[0]
    mujoco = version_of("mujoco") if replayed else one.result.versions["mujoco"]
    return Partition(protocol, ".".join(mujoco.split(".")[:2]))


def entry_rows(
    entry: Entry,
    statuses: Callable[[Evaluated], Status],
    ranked: Sequence[str],
    *,
    trusted: bool = False,
    further: Further | None = None,
) -> list[Row]:
    """The rows of an entry, not yet ranked.

    One row holds the trainings whose primary evaluation replayed exactly, another one, apart, all
    others.

    Args:
        entry: the entry, checked.
        statuses: returns what verification found of an evaluation.
        ranked: the families that the overall rank is over.
        trusted: whether the build replays nothing. Then nothing is apart, and results are filed
            under the MuJoCo that they state.
        further: what was measured apart from the build.
    """
    further = further or Further()
    parts: dict[tuple[bool, Partition], dict[str, list[Run]]]
    parts = defaultdict(lambda: defaultdict(list))
    for run in entry.runs:
        apart = not trusted and not statuses(run.primary).replays_exactly
        partition = partition_of(run.primary, replayed=not trusted)
        parts[apart, partition][run.family].append(run)
    return [
        _row(entry.card, partition, apart, families, ranked, statuses, trusted, further)
        for (apart, partition), families in sorted(parts.items())
    ]


def _row(
    card: Card,
    partition: Partition,
    apart: bool,
    families: Mapping[str, Sequence[Run]],
    ranked: Sequence[str],
    statuses: Callable[[Evaluated], Status],
    trusted: bool,
    further: Further,
) -> Row:
    found = {
        family: replace(
            _family_row(card, runs, statuses, trusted),
            retrained=further.retrained_of(card.name, runs),
            fresh=further.fresh_of(runs),
        )
        for family, runs in families.items()
    }
    own = [family for family in ranked if family in found]
    missing = tuple(family for family in ranked if family not in found)
    scores = {family: found[family].seed_scores for family in own}
    return Row(
        card=card,
        partition=partition,
        families=found,
        condition=condition_label({f: _condition(families[f]) for f in own or families}),
        apart=apart,
        overall=None if missing else summary_overall(scores),
        one_seed=any(found[family].one_seed for family in own),
        missing=missing,
    )


def _condition(runs: Sequence[Run]) -> FamilyCondition:
    """The condition of an entry's trainings on one family; the checks saw that it is one."""
    return stated_condition(runs[0].primary.result)


def _family_row(
    card: Card, runs: Sequence[Run], statuses: Callable[[Evaluated], Status], trusted: bool
) -> FamilyRow:
    family = get_family(runs[0].family)
    results = [run.primary.result for run in runs]
    scores = np.stack([result.scores for result in results])
    per_task = np.mean([result.per_task() for result in results], axis=0)
    shots, measured = shot_curve(runs, statuses, trusted=trusted)
    trainings = [training_of(result) for result in results]
    return FamilyRow(
        family=family.id,
        protocol_version=results[0].protocol_version,
        condition=condition_label({family.id: _condition(runs)}),
        trained=any(one.training is not None or one.weights is not None for one in results),
        seeds=tuple(run.seed for run in runs),
        summary=summary_of_family(family.id, scores),
        metrics={
            metric.name: mean_over_tasks(family.id, [r.per_task(metric.name) for r in results])
            for metric in family.metrics
        },
        per_task=tuple(per_task.tolist()),
        scores=_measured(scores.mean(axis=0)),
        by_seed=tuple(map(_measured, scores)),
        worst=family.metric.worst(per_task),
        shots=shots,
        shots_measured=measured,
        curves=tuple((run.seed, run.curve) for run in runs if run.curve is not None),
        demonstrations=card.demonstrations[family.id],
        coverage=None if TRACKS[card.track].demonstrations else mean_coverage(trainings),
        cost=mean_cost(trainings),
        statuses={run.seed: statuses(run.primary) for run in runs},
        shots_statuses=_worst(
            (run.seed, statuses(one)) for run in runs for one in run.shots.values()
        ),
        evidence=tuple(
            (
                f"seed {run.seed}, {one.result.evaluation}",
                f"{card.name}/{one.place}",
            )
            for run in runs
            for one in run.evaluations
        ),
    )


def _measured(scores: FloatArray) -> tuple[float | None, ...]:
    """Scores of tasks, (tasks,), with None where there is none."""
    return tuple(None if np.isnan(score) else float(score) for score in scores)


def _worst(statuses: Iterable[tuple[int, Status]]) -> dict[int, Status]:
    """The worst status of each seed."""
    found: dict[int, Status] = {}
    for seed, status in statuses:
        found[seed] = max(status, found.get(seed, status))
    return found


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
