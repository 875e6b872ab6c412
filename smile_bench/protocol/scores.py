"""Normalised scores: 1 is the task's expert, 0 the task-blind expert."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import get_family
from smile_bench.protocol.meta_test import References
from smile_bench.scores import normalised_score

__all__ = ["normalised_scores", "scores_of_means", "task_means"]


def task_means(tasks: IntArray, values: FloatArray, number: int = 0) -> FloatArray:
    """Mean of values (E,) over the episodes of each task.

    Args:
        tasks: task of each episode, (E,).
        values: (E,).
        number: number of tasks, if there may be more than the episodes show.

    Returns:
        (number of tasks,); NaN for a task without episodes.
    """
    counts = np.bincount(tasks, minlength=number)
    sums = np.bincount(tasks, values, minlength=number)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def scores_of_means(family: str, means: FloatArray, references: References) -> FloatArray:
    """Score of each mean of the primary metric: (agent - task-blind) / (expert - task-blind).

    For walker dynamics, whose task-blind reference is the base policy, this is the paper's custom
    metric (SMILe, section 4.3).

    Args:
        family: the family's id.
        means: means over a task's episodes, (..., number of tasks).
        references: what the two references reach on each task.

    Returns:
        (..., number of tasks). NaN for a task on which the expert is not better than the task-blind
        expert, because such a task cannot measure imitation.
    """
    metric = get_family(family).metric
    blind = references.blind[metric.name]
    gain = references.expert[metric.name] - blind
    measurable = gain > 0.0 if metric.higher_is_better else gain < 0.0
    scores = normalised_score(means, expert=references.expert[metric.name], blind=blind)
    return np.where(measurable, scores, np.nan)


def normalised_scores(
    family: str,
    tasks: IntArray,
    episodes: Mapping[str, FloatArray],
    references: References,
) -> FloatArray:
    """Score of each task from the episodes of an evaluation.

    Args:
        family: the family's id.
        tasks: meta-test task of each episode, (E,).
        episodes: each of the family's metrics, (E,).
        references: what the two references reach on each task.

    Returns:
        (number of tasks,), as :func:`scores_of_means`.
    """
    metric = get_family(family).metric.name
    number = len(references.blind[metric])
    return scores_of_means(family, task_means(tasks, episodes[metric], number), references)
