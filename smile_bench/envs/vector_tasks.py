"""Which tasks the environments of a batch have."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from smile_bench.envs.family import Family, Task
from smile_bench.errors import InputError, shown

__all__ = ["DRAW", "checked_tasks", "first_tasks", "sampled_tasks"]

DRAW = "draw"
"""Given as tasks: every environment samples a task at each of its resets."""


def first_tasks(family: Family, split: str, tasks: Any, num_envs: int) -> tuple[Task, ...]:
    """The tasks that N environments have when they are made.

    Args:
        family: whose tasks.
        split: one of its splits.
        tasks: N indices; :data:`DRAW`; or None for i modulo the number of tasks, with a warning
            if some tasks never occur.
        num_envs: N.

    Raises:
        InputError: not N tasks.
        UnknownNameError: no such split or task.
    """
    count = len(family.table(split))
    if isinstance(tasks, str) and tasks == DRAW:
        tasks = [0] * num_envs
    elif tasks is None:
        tasks = [i % count for i in range(num_envs)]
        if num_envs < count:
            warnings.warn(
                f"num_envs={num_envs} is less than the {count} {split} tasks of {family.id}, and "
                f"each environment keeps one of the first {num_envs} at every reset. For a new "
                f"task at each reset give tasks={DRAW!r}, for all tasks num_envs={count}, to keep "
                f"these tasks=list(range({num_envs})).",
                stacklevel=4,  # Whoever calls gymnasium.make_vec.
            )
    return checked_tasks(family, split, tasks, num_envs)


def checked_tasks(family: Family, split: str, tasks: Any, num_envs: int) -> tuple[Task, ...]:
    """The tasks of N indices.

    Raises:
        InputError: not a sequence of N.
        UnknownNameError: no such split or task.
    """
    listed = isinstance(tasks, Sequence) or (isinstance(tasks, np.ndarray) and tasks.ndim == 1)
    if not listed or isinstance(tasks, (str, bytes)):
        raise InputError(
            f"tasks must be a sequence of {num_envs} indices, one per environment, or {DRAW!r} "
            f"where the environments are made; got {shown(tasks)}."
        )
    if len(tasks) != num_envs:
        raise InputError(
            f"tasks must name one task for each of {num_envs} environments, got {len(tasks)}."
        )
    return tuple(family.task(split, index) for index in tasks)


def sampled_tasks(
    family: Family,
    tasks: Sequence[Task],
    generators: Sequence[np.random.Generator],
    ids: Sequence[int],
) -> tuple[Task, ...]:
    """Sample a task for some environments, each from its own generator, as scalar ones do.

    Args:
        family: whose tasks.
        tasks: of all environments, N of one split.
        generators: of all environments, N.
        ids: whose task to replace.
    """
    changed, split = list(tasks), tasks[0].split
    count = len(family.table(split))
    for i in ids:
        changed[i] = family.task(split, int(generators[i].integers(count)))
    return tuple(changed)
