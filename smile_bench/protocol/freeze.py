"""Freezing a protocol: sampling the meta-test set of a family and measuring its references.

This is done once per family and protocol version. The files that it writes are the benchmark.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.datasets import load_dataset
from smile_bench.envs import Family, get_family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import PrivilegedPolicy, sample_starts
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind
from smile_bench.protocol.meta_test import (
    MetaTest,
    References,
    protocol_folder,
    sample_meta_test,
    write_meta_test,
)
from smile_bench.protocol.scores import task_means

__all__ = ["BLIND_EPISODES", "freeze_protocol", "sample_measured"]

SEED, BLIND_EPISODES = 2019, 3000
"""Those of the shipped protocols."""


def freeze_protocol(
    family: str | Family,
    folder: Path | None = None,
    *,
    seed: int = SEED,
    blind_episodes: int = BLIND_EPISODES,
) -> MetaTest:
    """Sample the meta-test set of a family, measure the references on it and write both.

    The family must be registered, with a dataset and an expert.

    Args:
        family: the family or its id.
        folder: where the two files go; by default the family's own folder ``data``, or the
            package's for a family without one.
        seed: seed of the sampling.
        blind_episodes: about how many episodes measure the task-blind reference. Every task is
            measured with every other task at least once.

    Returns:
        The frozen meta-test set.

    Raises:
        UnknownNameError: there is no such family.
        DatasetError, ExpertError: the family has no dataset or no expert.
    """
    family = get_family(family)
    digest, rng = load_dataset(family).digest(), np.random.default_rng(seed)
    meta_test = sample_measured(family, digest, rng, blind_episodes)
    write_meta_test(folder or family.data or protocol_folder(), meta_test)
    return meta_test


def sample_measured(
    family: Family, dataset: str, rng: np.random.Generator, blind_episodes: int
) -> MetaTest:
    """Sample a meta-test set of a family's test tasks and measure the references on it.

    Args:
        family: the family.
        dataset: digest of the demonstrations.
        rng: source of randomness.
        blind_episodes: as for :func:`freeze_protocol`.

    Raises:
        ExpertError: the family has no expert.
    """
    table, number = family.table("test"), len(family.table("test"))
    expert, blind = load_expert(family), load_task_blind(family)
    parameters = np.repeat(table, family.evaluation_episodes, axis=0)
    simulator = family.make_simulator(len(parameters))
    states = sample_starts(simulator, rng, parameters)
    meta_test = sample_meta_test(family, states, dataset, rng)

    # The task-blind expert acts for every other task, so that a task's zero does not depend on the
    # mismatched tasks that its episodes happened to get.
    repeats = max(1, round(blind_episodes / (number * (number - 1))))
    pairs = [(i, j) for i in range(number) for j in range(number) if i != j]
    tasks, others = np.repeat(np.array(pairs), repeats, axis=0).T
    starts = sample_starts(simulator, rng, table[tasks])
    references = References(
        expert=_measure(family, expert, meta_test.tasks, meta_test.tasks, states),
        blind=_measure(family, blind, tasks, others, starts),
    )
    return replace(meta_test, references=references)


def _measure(
    family: Family,
    policy: PrivilegedPolicy,
    tasks: IntArray,
    seen: IntArray,
    initial_states: FloatArray,
) -> dict[str, FloatArray]:
    """A reference's mean metrics on every task, each (number of tasks,).

    Args:
        family: the family.
        policy: acts for the tasks ``seen``.
        tasks: meta-test task of each episode, (E,).
        seen: meta-test task that the policy sees in each episode, (E,).
        initial_states: (E, S).
    """
    table, rng = family.table("test"), np.random.default_rng(0)
    simulator = family.make_simulator(len(tasks))
    simulator.set_tasks(table[tasks])
    simulator.reset(initial_states)
    for step in rollout(  # noqa: B007 (its last value is the episodes' end)
        simulator, lambda observations: policy.act(observations, table[seen], rng), family.horizon
    ):
        pass
    metrics = {metric.name: step.result.info[metric.name] for metric in family.metrics}
    return {name: task_means(tasks, values, len(table)) for name, values in metrics.items()}
