"""Fewer tasks and demonstrations: one frozen, nested order of the meta-train tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.datasets.dataset import PER_DEMONSTRATION, Demonstrations, checked_indices
from smile_bench.envs import Family
from smile_bench.errors import DatasetError, InputError

__all__ = ["first_tasks", "own_tasks", "require_tasks", "select", "task_order"]

DECIMALS = 9
"""Squared distances that agree to this many decimals are ties, so that rounding never decides the
order."""


def task_order(family: Family) -> IntArray:
    """The order in which a family's meta-train tasks join a subset.

    It begins with task 0. The next task is always the one that is farthest from the nearest task
    before it (Gonzalez 1985), so that a few tasks span the family. Distances are Euclidean, with
    each parameter divided by its range. Ties go to the lower index. The order follows from the
    frozen task table alone.

    Returns:
        Every meta-train task once, (N,).
    """
    table = family.table("train")
    width = np.ptp(table, axis=0)
    scaled = (table - table.min(axis=0)) / np.where(width > 0.0, width, 1.0)
    order = [0]
    nearest = _squared_distances(scaled, 0)
    for _ in range(len(table) - 1):
        nearest[order] = -1.0
        order.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, _squared_distances(scaled, order[-1]))
    return np.array(order, np.int64)


def first_tasks(family: Family, number: int) -> IntArray:
    """The first ``number`` tasks of :func:`task_order`, in ascending order of their index.

    Subsets are nested: a smaller number gives a subset of those of a larger number.

    Returns:
        Task indices (number,).

    Raises:
        InputError: ``number`` is below 1 or above the number of tasks.
    """
    require_tasks(family, number)
    return np.sort(task_order(family)[:number])


def require_tasks(family: Family, number: int) -> None:
    """Refuse a number of meta-train tasks that a family does not have.

    Raises:
        InputError: ``number`` is below 1 or above the number of tasks.
    """
    total = len(family.table("train"))
    if isinstance(number, bool) or not 1 <= number <= total:
        raise InputError(
            f"{family.id} has {total} meta-train tasks, not {number}. Give 1 to {total}."
        )


def select(part: Demonstrations, tasks: IntArray, demonstrations: int) -> Demonstrations:
    """Select tasks of a split, and the first demonstrations of each.

    Args:
        part: the split.
        tasks: indices of the tasks, (n,).
        demonstrations: number of demonstrations per task.

    Raises:
        InputError: ``demonstrations`` is below 1 or above what a task has; or a task that there is
            not.
    """
    tasks = checked_indices("tasks", tasks, part.tasks)
    if isinstance(demonstrations, bool) or not 1 <= demonstrations <= part.demonstrations:
        raise InputError(
            f"{part.family} has {part.demonstrations} demonstrations of each meta-train task, not "
            f"{demonstrations}. Give 1 to {part.demonstrations}."
        )
    per_demonstration = {
        name: getattr(part, name)[tasks, :demonstrations] for name in PER_DEMONSTRATION
    }
    return replace(
        part,
        task_parameters=part.task_parameters[tasks],
        metrics={name: values[tasks, :demonstrations] for name, values in part.metrics.items()},
        replay_actions=None if part.replay_actions is None else part.replay_actions[tasks],
        **per_demonstration,
    )


def own_tasks(family: Family, part: Demonstrations) -> FloatArray:
    """The tasks that a learner gets with the demonstrations of a split.

    They are the family's table where the demonstrations are of its first tasks, so that an index
    means the same everywhere. Where a dataset holds other tasks of the table, they are the
    dataset's, in its order.

    Args:
        family: the family.
        part: the split.

    Returns:
        Parameters (number of tasks, P).

    Raises:
        DatasetError: a demonstrated task does not stand in the family's table of the split.
    """
    table, rows = family.table(part.split), part.task_parameters
    if np.array_equal(rows, table[: len(rows)]):
        return table
    known = {row.tobytes() for row in table}
    unknown = [index for index, row in enumerate(rows) if row.tobytes() not in known]
    if unknown:
        raise DatasetError(
            f"{part.split} task {unknown[0]} of this dataset is not one of the {len(table)} "
            f"{part.split} tasks of {family.id}. Give a dataset of the family's tasks, or register "
            "a family with yours (register_family)."
        )
    return rows


def _squared_distances(points: FloatArray, index: int) -> FloatArray:
    """Squared distances from one point to all, (N,), rounded so that ties are equal."""
    distances: FloatArray = np.round(((points - points[index]) ** 2).sum(axis=1), DECIMALS)
    return distances
