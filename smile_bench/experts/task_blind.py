"""The lower reference: the expert acting for another task."""

from __future__ import annotations

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.experts.policy import load_base_policy, load_expert

__all__ = ["load_task_blind", "sample_mismatched_tasks"]


def load_task_blind(family: str | Family) -> PrivilegedPolicy:
    """The lower reference, to be told another task: the expert, or the family's base policy.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family does not have it yet, or its file is damaged.
    """
    family = get_family(family)
    return load_base_policy(family) if family.blind_is_base_policy else load_expert(family)


def sample_mismatched_tasks(
    rng: np.random.Generator, table: FloatArray, tasks: IntArray
) -> FloatArray:
    """Parameters (N, P) of another task of a table than each of ``tasks`` (N,), drawn evenly."""
    shift = rng.integers(1, len(table), size=len(tasks))
    return np.asarray(table[(tasks + shift) % len(table)])
