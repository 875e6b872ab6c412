"""What each part of a family's declaration must be, with one clear error for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.partition import StatePartition
from smile_bench.errors import InputError, shown

__all__ = [
    "require_attributes",
    "require_context_sizes",
    "require_counts",
    "require_id",
    "require_metrics",
    "require_names",
    "require_partition",
    "task_tables",
]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*-v\d+")


def require_id(family: str) -> None:
    """Refuse an id that Gymnasium or a file system would not take.

    Raises:
        InputError: saying what an id looks like.
    """
    if not isinstance(family, str) or not _ID.fullmatch(family):
        raise InputError(
            f"a family's id names its environment and its files, got {family!r}. Use letters, "
            "digits, '_', '.' and '-', and end with a version: 'MyAntGoal-v0'."
        )


def require_attributes(family: str, declared: object, names: Iterable[str]) -> None:
    """Refuse a family whose class lacks an attribute.

    Raises:
        InputError: naming the attribute.
    """
    for name in names:
        if not hasattr(declared, name):
            raise _error(
                family,
                f"has no {name}",
                f"Set {name} = 'package.module:attribute' in {type(declared).__name__}",
            )


def require_names(family: str, part: str, names: Sequence[str]) -> None:
    """Refuse a part without names, or with a name that stands in it twice.

    Raises:
        InputError: naming the part.
    """
    if not names:
        raise _error(family, f"has no {part}", "Give at least one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _error(family, f"has two {part} called {twice[0]!r}", "Rename one of them")


def require_metrics(family: str, metrics: Iterable[_Named], info: Mapping[str, FloatArray]) -> None:
    """Refuse the info of a step that lacks a declared metric.

    Raises:
        InputError: naming the metric.
    """
    for metric in metrics:
        if metric.name not in info:
            raise _error(
                family,
                f"has the metric {metric.name!r}, but its steps give only {sorted(info)}",
                f"Compute {metric.name!r} where the family computes its rewards, or leave it out",
            )


def require_partition(family: str, partition: Any, observed: int) -> None:
    """Refuse a partition that is not one, or that needs more than is observed.

    Args:
        family: its id.
        partition: what was given; None for no partition.
        observed: length of an observation.

    Raises:
        InputError: saying what fits.
    """
    if partition is None:
        return
    if not isinstance(partition, StatePartition):
        raise _error(
            family,
            f"has partition={shown(partition)}",
            "Give a smile_bench.envs.partition.BoxPartition or OneHotPartition, or None",
        )
    if partition.width > observed:
        raise _error(
            family,
            f"has a partition of {partition.width} observed numbers, but observations have "
            f"{observed}",
            "Name columns that there are",
        )


def require_counts(family: str, **counts: int) -> None:
    """Refuse numbers that are not whole or below 1.

    Raises:
        InputError: naming the number.
    """
    for name, count in counts.items():
        if not isinstance(count, (int, np.integer)) or count < 1:
            raise _error(family, f"has {name}={count!r}", "Give a whole number, at least 1")


def require_context_sizes(family: str, sizes: Sequence[int], demonstrations: int) -> None:
    """Refuse numbers of demonstrations that a context cannot hold.

    Args:
        family: its id.
        sizes: demonstrations of a context.
        demonstrations: demonstrations of a task in the dataset.

    Raises:
        InputError: no size, one below 1 or above what the dataset has, or sizes out of order.
    """
    whole = all(isinstance(size, (int, np.integer)) for size in sizes)
    rising = whole and list(sizes) == sorted(set(sizes))
    if not rising or not sizes or not 1 <= min(sizes) <= max(sizes) <= demonstrations:
        raise _error(
            family,
            f"has context_sizes={tuple(sizes)!r} and {demonstrations} demonstrations per task",
            "Give at least one size, in rising order, from 1 to the number of demonstrations",
        )


def task_tables(
    family: str, tasks: Mapping[str, Any], splits: Sequence[str], parameters: int
) -> dict[str, FloatArray]:
    """Copy the task tables of a family into read-only arrays.

    Args:
        family: its id.
        tasks: split to table.
        splits: the splits that must be there.
        parameters: P, the length of a task.

    Returns:
        Split to parameters, (number of tasks, P).

    Raises:
        InputError: a split that is missing, unknown, or too small; a table of another shape or
            type or with non-finite numbers; a task that stands in the tables twice.
    """
    if set(tasks) != set(splits):
        raise _error(
            family,
            f"has task tables for the splits {sorted(tasks)}",
            f"Give one table for each of {sorted(splits)}",
        )
    tables: dict[str, FloatArray] = {}
    seen: dict[tuple[float, ...], str] = {}
    for split in splits:
        table = tables[split] = _table(family, split, tasks[split], parameters)
        for index, task in enumerate(map(tuple, table.tolist())):
            place = f"{split} task {index}"
            if task in seen:
                raise _error(
                    family,
                    f"has one task in two places: {seen[task]} and {place} are both {task}",
                    "Keep it in one of them",
                )
            seen[task] = place
    if len(tables["test"]) < 2:
        raise _error(
            family,
            "has one test task",
            "Give at least two: the task-blind reference acts for a test task other than the "
            "episode's",
        )
    return tables


def _table(family: str, split: str, given: Any, parameters: int) -> FloatArray:
    table = np.asarray(given)
    numbers = table.dtype.kind in "fiu" and np.isfinite(table).all()
    if table.ndim != 2 or not len(table) or table.shape[1] != parameters or not numbers:
        raise _error(
            family,
            f"has {split} tasks of {table.dtype} and shape {table.shape}"
            f"{'' if numbers else ' that are not all finite numbers'}",
            f"Give finite numbers of shape (number of tasks, {parameters}): a row per task, a "
            "column for each of parameter_names",
        )
    table = np.array(table, np.float64)
    table.setflags(write=False)
    return table


def _error(family: str, problem: str, remedy: str) -> InputError:
    return InputError(f"the declaration of {family} {problem}. {remedy}.")
