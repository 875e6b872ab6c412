"""Results: what an evaluation measured, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets.files import write_atomically
from smile_bench.envs import get_family
from smile_bench.protocol.metatest import References

__all__ = ["FORMAT", "Result", "normalised_scores"]

FORMAT = "smile-bench-result-1"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One agent's evaluation on one family: E episodes of the frozen meta-test set."""

    agent: str
    family: str
    protocol_version: str
    dataset: str
    """Digest of the dataset that the contexts are of."""
    privileged: bool
    """Whether the agent was told the task; such a result is a reference, not an entry."""
    state_only: bool
    evaluation: str
    """``"primary"``, with the protocol's mixture of context sizes, or ``"k shots"``."""
    tasks: NDArray[np.int64]
    """Meta-test task of each episode, (E,)."""
    shots: NDArray[np.int64]
    """Demonstrations in each episode's context, (E,)."""
    episodes: Mapping[str, NDArray[np.float64]]
    """Each of the family's metrics, (E,)."""
    scores: NDArray[np.float64]
    """Normalised score of each task, (number of tasks,); NaN where the references do not differ."""
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    """Wall-clock of adapting, acting and simulating."""

    @property
    def metric(self) -> float:
        """The family's primary metric, averaged over episodes."""
        return float(self.episodes[get_family(self.family).metric.name].mean())

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric, averaged over episodes."""
        return {name: float(values.mean()) for name, values in self.episodes.items()}

    @property
    def score(self) -> float:
        """Normalised score, averaged over tasks: 1 is the expert, 0 the task-blind expert."""
        return float(np.nanmean(self.scores))

    def per_task(self, metric: str | None = None) -> NDArray[np.float64]:
        """A metric's mean on each task, (number of tasks,); the primary one by default."""
        values = self.episodes[metric or get_family(self.family).metric.name]
        return task_means(self.tasks, values)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-able data."""
        scores: list[float | None] = [None if np.isnan(s) else float(s) for s in self.scores]
        return {
            "format": FORMAT,
            "agent": self.agent,
            "family": self.family,
            "protocol_version": self.protocol_version,
            "dataset_sha256": self.dataset,
            "privileged": self.privileged,
            "state_only": self.state_only,
            "evaluation": self.evaluation,
            "metric": self.metric,
            "score": self.score,
            "metrics": self.metrics,
            "scores_per_task": scores,
            "episodes": {
                "task": self.tasks.tolist(),
                "shots": self.shots.tolist(),
                **{name: values.tolist() for name, values in self.episodes.items()},
            },
            "versions": dict(self.versions),
            "seconds": dict(self.seconds),
        }

    def save(self, directory: str | Path) -> Path:
        """Write ``result.json`` into a folder, whole or not at all; return its path."""
        path = Path(directory) / "result.json"
        write_atomically(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")
        return path


def task_means(tasks: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of values (E,) over the episodes of each task."""
    return np.bincount(tasks, values) / np.bincount(tasks)


def normalised_scores(
    family: str,
    tasks: NDArray[np.int64],
    episodes: Mapping[str, NDArray[np.float64]],
    references: References,
) -> NDArray[np.float64]:
    """Score of each task: (agent - task-blind) / (expert - task-blind), in the primary metric.

    For walker dynamics, whose task-blind reference is the base policy, this is the paper's custom
    metric (SMILe, section 4.3).

    Returns:
        (number of tasks,); NaN for a task on which the expert is not better than the task-blind
        expert, since it can not measure imitation.
    """
    metric = get_family(family).metric
    expert, blind = references.expert[metric.name], references.blind[metric.name]
    gain = expert - blind
    measurable = gain > 0.0 if metric.higher_is_better else gain < 0.0
    scores = np.full(len(gain), np.nan)
    reached = task_means(tasks, episodes[metric.name]) - blind
    scores[measurable] = reached[measurable] / gain[measurable]
    return scores
