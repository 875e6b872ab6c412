"""Mean returns of the two references: the expert, and the task-blind expert."""

from __future__ import annotations

from functools import cache

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import Family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import PrivilegedPolicy, sample_starts
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks

__all__ = ["reference_returns"]

SEED, LEAST_EPISODES = 0, 32


@cache
def reference_returns(family: Family, splits: tuple[str, ...]) -> tuple[float, float]:
    """Measure the mean return of the task-blind expert and of the expert, in this order.

    Every task of a split has the same number of episodes, at least 32 in all. Both references
    start from the same states, and the result is the same each time.

    Raises:
        ExpertError: the family has no expert.
    """
    expert, blind = load_expert(family), load_task_blind(family)
    means = []
    for policy, sees_task in ((blind, False), (expert, True)):
        returns = [_returns(family, split, policy, sees_task=sees_task) for split in splits]
        means.append(float(np.mean(np.concatenate(returns))))
    return means[0], means[1]


def _returns(
    family: Family, split: str, policy: PrivilegedPolicy, *, sees_task: bool
) -> FloatArray:
    """Mean return in each task of a split, (tasks,)."""
    table, rng = family.table(split), np.random.default_rng(SEED)
    each = -(-LEAST_EPISODES // len(table))
    tasks = np.repeat(np.arange(len(table)), each)
    simulator = family.make_simulator(len(tasks))
    simulator.set_tasks(table[tasks])
    simulator.reset(sample_starts(simulator, rng, table[tasks]))
    seen = table[tasks] if sees_task else sample_mismatched_tasks(rng, table, tasks)
    steps = rollout(simulator, lambda o: policy.act(o, seen, rng), family.horizon)
    total = sum((step.result.rewards for step in steps), np.zeros(len(tasks)))
    means: FloatArray = total.reshape(len(table), each).mean(axis=1)
    return means
