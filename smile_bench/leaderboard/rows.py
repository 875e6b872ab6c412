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
from smile_bench.envs import get_family
from smile_bench.leaderboard.checks.further import Fresh, Further
from smile_bench.leaderboard.checks.retraining import Retrained
from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.card import Card
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, Run
from smile_bench.leaderboard.entries.training import Cost, Curve, mean_cost, training_of
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result
from smile_bench.protocol.scores import scores_of_means, task_means
from smile_bench.protocol.statistics import Estimate, Summary, interquartile_mean, summarise
from smile_bench.provenance import version_of

__all__ = ["FamilyRow", "Partition", "Row", "ShotPoint", "entry_rows"]

SEED = 0
"""Of the bootstrap: the same entries give the same intervals."""
RESAMPLES_OVERALL = 10_000
RESAMPLES = 2_000


@dataclass(frozen=True, order=True)
class Partition:
    """What results must share to be compared."""

    protocol: str
    """Number of the protocol, ``"v0"``."""
    mujoco: str
    """Major and minor version, ``"4.0"``."""


@dataclass(frozen=True, kw_only=True)
class ShotPoint:
    """What an entry reaches with contexts of one size."""

    shots: int
    metric: Estimate
    """Mean of the family's primary metric."""
    score: float
    """Interquartile mean of the normalised scores."""


@dataclass(frozen=True, kw_only=True)
class FamilyRow:
    """An entry on one family; seeds are averaged unless said otherwise."""

    family: str
    protocol_version: str
    seeds: tuple[int, ...]
    summary: Summary
    """Of the normalised scores."""
    metrics: Mapping[str, Estimate]
    """Each metric's mean over tasks."""
    per_task: tuple[float, ...]
    """Primary metric on each meta-test task."""
    scores: tuple[float | None, ...]
    """Normalised score on each task; None where the references cannot measure it."""
    worst: float
    """Primary metric on the worst task."""
    shots: tuple[ShotPoint, ...]
    shots_measured: bool
    """Whether each context size has an evaluation of its own that this build replayed or ran again.
    Otherwise the curve is the primary evaluation, split by context size."""
    curves: tuple[tuple[int, Curve], ...]
    """Seed and learning curve of each training that has one."""
    demonstrations: int
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """An entry in one partition."""

    card: Card
    partition: Partition
    families: Mapping[str, FamilyRow]
    apart: bool
    """Whether it is shown apart, unranked: its results did not replay exactly in this build."""
    overall: Summary | None
    """Over the ranked families; None unless the entry has all of them."""
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
    rows = []
    for (apart, partition), families in sorted(parts.items()):
        missing = tuple(family for family in ranked if family not in families)
        found = {
            family: replace(
                _family_row(entry.card, runs, statuses, trusted),
                retrained=further.retrained_of(entry.card.name, runs),
                fresh=further.fresh_of(runs),
            )
            for family, runs in families.items()
        }
        scores = {family: _scores(families[family]) for family in ranked if family in families}
        rows.append(
            Row(
                card=entry.card,
                partition=partition,
                families=found,
                apart=apart,
                overall=None if missing else summarise(scores, SEED, resamples=RESAMPLES_OVERALL),
                missing=missing,
            )
        )
    return rows


def _scores(runs: Sequence[Run]) -> FloatArray:
    return np.stack([run.primary.result.scores for run in runs])


def _family_row(
    card: Card, runs: Sequence[Run], statuses: Callable[[Evaluated], Status], trusted: bool
) -> FamilyRow:
    family = get_family(runs[0].family)
    results = _primary(runs)
    scores = _scores(runs)
    per_task = np.mean([result.per_task() for result in results], axis=0)
    drawn = [_drawn_shots(run, statuses, trusted) for run in runs]
    shots, measured = _shot_points(runs, drawn)
    return FamilyRow(
        family=family.id,
        protocol_version=results[0].protocol_version,
        seeds=tuple(run.seed for run in runs),
        summary=summarise({family.id: scores}, SEED, resamples=RESAMPLES),
        metrics={
            metric.name: _mean(family.id, [result.per_task(metric.name) for result in results])
            for metric in family.metrics
        },
        per_task=tuple(per_task.tolist()),
        scores=tuple(None if np.isnan(s) else float(s) for s in scores.mean(axis=0)),
        worst=family.metric.worst(per_task),
        shots=shots,
        shots_measured=measured,
        curves=tuple((run.seed, run.curve) for run in runs if run.curve is not None),
        demonstrations=card.demonstrations[family.id],
        cost=mean_cost([training_of(run.primary.result) for run in runs]),
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


def _worst(statuses: Iterable[tuple[int, Status]]) -> dict[int, Status]:
    """The worst status of each seed."""
    found: dict[int, Status] = {}
    for seed, status in statuses:
        found[seed] = max(status, found.get(seed, status))
    return found


def _mean(family: str, values: Sequence[FloatArray]) -> Estimate:
    """The mean over tasks and seeds of each seed's values (tasks,), with its interval."""
    return summarise({family: np.stack(values)}, SEED, resamples=RESAMPLES).mean


def _drawn_shots(
    run: Run, statuses: Callable[[Evaluated], Status], trusted: bool
) -> dict[int, Evaluated]:
    """The evaluations of a shot curve that this build made again; all if nothing is replayed."""
    return {shots: one for shots, one in run.shots.items() if trusted or statuses(one).made_again}


def _shot_points(
    runs: Sequence[Run], drawn: Sequence[Mapping[int, Evaluated]]
) -> tuple[tuple[ShotPoint, ...], bool]:
    """The shot curve, and whether each context size has an evaluation of its own."""
    family = get_family(runs[0].family)
    if len(family.context_sizes) < 2:
        return (), False
    references = load_meta_test(family.id).references
    common = sorted(set.intersection(*map(set, drawn)))
    points = []
    for shots in common or family.context_sizes:
        results = [curve[shots].result for curve in drawn] if common else _primary(runs)
        values = np.stack([_at(result, shots) for result in results])
        scores = scores_of_means(family.id, values, references)
        if np.isfinite(scores).any():
            points.append(
                ShotPoint(
                    shots=shots,
                    metric=_mean(family.id, list(values)),
                    score=interquartile_mean({family.id: scores}),
                )
            )
    return tuple(points), bool(common)


def _primary(runs: Sequence[Run]) -> list[Result]:
    return [run.primary.result for run in runs]


def _at(result: Result, shots: int) -> FloatArray:
    """Primary metric on each task, (tasks,), with contexts of one size; NaN without an episode."""
    kept = result.shots == shots
    family = get_family(result.family)
    values = result.episodes[family.metric.name][kept]
    return task_means(result.tasks[kept], values, len(family.table("test")))


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
