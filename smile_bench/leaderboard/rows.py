"""From checked entries to the rows of the leaderboard: statistics, costs, ranks.

Rows are of one partition each, a protocol number and a MuJoCo minor version: numbers of different
physics are never compared. Within a partition an entry is ranked among those of its track and form
(state-action or state-only), by the interquartile mean of its normalised scores, pooled over the
ranked families as in :mod:`smile_bench.protocol.statistics`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import all_families, get_family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.errors import ProtocolError
from smile_bench.leaderboard.card import Card
from smile_bench.leaderboard.entries import Entry, Evaluated, Run
from smile_bench.leaderboard.progress import Curve
from smile_bench.leaderboard.training import training_of
from smile_bench.leaderboard.verification import Status
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.statistics import Estimate, Summary, interquartile_mean, summarise
from smile_bench.tracks import TRACKS

__all__ = [
    "Cost",
    "FamilyRow",
    "Partition",
    "Row",
    "ShotPoint",
    "entry_rows",
    "rank",
    "ranked_families",
]

Key = tuple["Partition", str, bool]
"""Rows that are ranked together: partition, track, state-only."""

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
class Cost:
    """What training took, the mean over seeds; None where a result does not say."""

    env_steps: float | None
    """Control steps in environments."""
    expert_queries: float | None
    """States that an expert was asked to label."""
    hours: float | None
    """Wall-clock hours of the training process."""


@dataclass(frozen=True, kw_only=True)
class ShotPoint:
    """What a row reaches with contexts of one size."""

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
    """Normalised score on each task; None where the references can not measure one."""
    worst: float
    """Primary metric on the worst task."""
    shots: tuple[ShotPoint, ...]
    shots_measured: bool
    """Whether each context size was evaluated on every episode, rather than the primary evaluation
    split by its contexts' sizes."""
    curves: tuple[tuple[int, Curve], ...]
    """Seed and learning curve, where there is one."""
    demonstrations: int
    cost: Cost
    status: Status
    """Of the primary evaluations, the worst over seeds."""
    shots_status: Status | None
    """Of the shot curve's, likewise."""
    evidence: tuple[tuple[str, str], ...]
    """Label and path below the entries' folder of each result."""
    rank: int | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """An entry in one partition."""

    card: Card
    partition: Partition
    families: Mapping[str, FamilyRow]
    overall: Summary | None
    """Over the ranked families; None unless the entry has all of them."""
    missing: tuple[str, ...]
    """Ranked families that it lacks."""
    status: Status
    rank: int | None = None


def ranked_families() -> tuple[str, ...]:
    """The families that the overall rank is over: those of the paper whose protocol is frozen.

    The gridworld is shown, but is no continuous control and left out.
    """
    found = []
    for name, family in all_families().items():
        if isinstance(family, MujocoFamily):
            try:
                load_meta_test(name)
            except ProtocolError:
                continue
            found.append(name)
    return tuple(found)


def partition_of(one: Evaluated) -> Partition:
    """The partition of a result."""
    protocol = one.result.protocol_version.partition("-")[0]
    return Partition(protocol, ".".join(one.result.versions["mujoco"].split(".")[:2]))


def entry_rows(
    entry: Entry, statuses: Callable[[Evaluated], Status], ranked: Sequence[str]
) -> list[Row]:
    """The rows of an entry, unranked: one for each partition that it has results in.

    Args:
        entry: the entry, checked.
        statuses: what verification found of each evaluation.
        ranked: the families that the overall rank is over.
    """
    parts: dict[Partition, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in entry.runs:
        parts[partition_of(run.primary)][run.family].append(run)
    rows = []
    for partition, families in sorted(parts.items()):
        missing = tuple(family for family in ranked if family not in families)
        found = {
            family: _family_row(entry.card, runs, statuses) for family, runs in families.items()
        }
        scores = {family: _scores(families[family]) for family in ranked if family in families}
        rows.append(
            Row(
                card=entry.card,
                partition=partition,
                families=found,
                overall=None if missing else summarise(scores, SEED, resamples=RESAMPLES_OVERALL),
                missing=missing,
                status=max(row.status for row in found.values()),
            )
        )
    return rows


def rank(rows: Sequence[Row]) -> list[Row]:
    """Rank rows, overall and on each family; references and incomplete rows get no rank overall.

    Equal interquartile means share a rank.

    Returns:
        The rows by partition, track, form and rank; references last.
    """
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[(row.partition, row.card.track, row.card.state_only)].append(row)
    ranked = []
    for group in groups.values():
        entries = [row for row in group if not row.card.reference]
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
                family: replace(part, rank=of_family.get(family, {}).get(name))
                for family, part in row.families.items()
            }
            ranked.append(replace(row, families=families, rank=overall.get(name)))
    return sorted(ranked, key=_order)


def _order(row: Row) -> tuple[object, ...]:
    card = row.card
    last = row.rank is None
    return (
        row.partition,
        card.reference,
        list(TRACKS).index(card.track),
        card.state_only,
        last,
        row.rank or 0,
        card.name,
    )


def _ranks(summaries: Mapping[str, Summary]) -> dict[str, int]:
    values = {name: summary.interquartile_mean.value for name, summary in summaries.items()}
    return {
        name: 1 + sum(other > value for other in values.values()) for name, value in values.items()
    }


def _scores(runs: Sequence[Run]) -> FloatArray:
    return np.stack([run.primary.result.scores for run in runs])


def _family_row(
    card: Card, runs: Sequence[Run], statuses: Callable[[Evaluated], Status]
) -> FamilyRow:
    family = get_family(runs[0].family)
    results = [run.primary.result for run in runs]
    scores = _scores(runs)
    per_task = np.mean([result.per_task() for result in results], axis=0)
    shots, measured = _shot_points(runs)
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
        cost=_cost(runs),
        status=max(statuses(run.primary) for run in runs),
        shots_status=max(
            (statuses(one) for run in runs for one in run.shots.values()), default=None
        ),
        evidence=tuple(
            (
                f"seed {run.seed}, {one.result.evaluation}",
                "/".join((card.name, family.id, f"seed-{run.seed}", one.folder.name)),
            )
            for run in runs
            for one in run.evaluations
        ),
    )


def _mean(family: str, values: Sequence[FloatArray]) -> Estimate:
    """The mean of values (tasks,) of each seed, with its interval."""
    return summarise({family: np.stack(values)}, SEED, resamples=RESAMPLES).mean


def _shot_points(runs: Sequence[Run]) -> tuple[tuple[ShotPoint, ...], bool]:
    """The shot curve, and whether it was evaluated as such."""
    family = get_family(runs[0].family)
    if len(family.context_sizes) < 2:
        return (), False
    common = set.intersection(*(set(run.shots) for run in runs))
    points = []
    for shots in sorted(common) if common else family.context_sizes:
        values = np.stack([_at(run, shots, measured=bool(common)) for run in runs])
        scores = _normalised(family.id, values)
        if np.isfinite(scores).any():
            points.append(
                ShotPoint(
                    shots=shots,
                    metric=_mean(family.id, list(values)),
                    score=interquartile_mean({family.id: scores}),
                )
            )
    return tuple(points), bool(common)


def _at(run: Run, shots: int, *, measured: bool) -> FloatArray:
    """Primary metric on each task (tasks,) with contexts of a size; NaN where none was."""
    result = run.shots[shots].result if measured else run.primary.result
    kept = result.shots == shots
    metric = get_family(run.family).metric.name
    return _task_means(run.family, result.tasks[kept], result.episodes[metric][kept])


def _task_means(family: str, tasks: IntArray, values: FloatArray) -> FloatArray:
    """Means (number of tasks,) of values (E,) by task (E,); NaN for a task without any."""
    number = len(get_family(family).table("test"))
    counts = np.bincount(tasks, minlength=number)
    sums = np.bincount(tasks, values, minlength=number)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _normalised(family: str, values: FloatArray) -> FloatArray:
    """Normalised scores (seeds, tasks) of primary metrics (seeds, tasks)."""
    metric, references = get_family(family).metric, load_meta_test(family).references
    blind = references.blind[metric.name]
    gain = references.expert[metric.name] - blind
    measurable = gain > 0.0 if metric.higher_is_better else gain < 0.0
    return np.where(measurable, (values - blind) / np.where(measurable, gain, 1.0), np.nan)


def _cost(runs: Sequence[Run]) -> Cost:
    trainings = [training_of(run.primary.result) for run in runs]

    def average(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if len(known) == len(values) else None

    seconds = average([None if t is None else t.seconds for t in trainings])
    return Cost(
        env_steps=average([None if t is None else t.env_steps for t in trainings]),
        expert_queries=average([None if t is None else t.expert_queries for t in trainings]),
        hours=None if seconds is None else seconds / 3600,
    )
