"""The task-blind policy, which gives score 0: an expert that acts for another task."""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.experts.policy import load_base_policy, load_expert

__all__ = ["load_task_blind", "sample_mismatched_tasks"]


def load_task_blind(family: str | Family) -> PrivilegedPolicy:
    """The policy that gives score 0 when it sees a mismatched task.

    It is the family's expert or, where tasks differ in dynamics alone, the base policy, which sees
    no task.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family does not have it yet, or its file is damaged.
    """
    family = get_family(family)
    return load_base_policy(family) if family.blind_is_base_policy else load_expert(family)


def sample_mismatched_tasks(
    rng: np.random.Generator, table: FloatArray, tasks: IntArray
) -> FloatArray:
    """For each task, sample another one of its table uniformly.

    Args:
        rng: source of randomness.
        table: parameters of all tasks, (T, P) with T ≥ 2.
        tasks: rows of the table, (N,).

    Returns:
        Parameters (N, P).
    """
    shift = rng.integers(1, len(table), size=len(tasks))
    return np.asarray(table[(tasks + shift) % len(table)])
