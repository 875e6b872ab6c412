"""How a family's meta-test set was frozen, and its references measured; kept for the record.

The committed files are the benchmark. Run this once for a new family or protocol version.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import PrivilegedAgent
from smile_bench.baselines import load_agent
from smile_bench.datasets import load_dataset
from smile_bench.envs import Family, get_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.protocol.evaluation import run_episodes
from smile_bench.protocol.meta_test import (
    References,
    protocol_folder,
    sample_meta_test,
    write_meta_test,
)
from smile_bench.protocol.result import task_means

SEED = 2019
BLIND_EPISODES = 3000
"""About how many episodes the task-blind reference is measured on."""


def freeze(family_id: str) -> None:
    """Draw the meta-test set of a family, measure the references on it, write both."""
    family = get_family(family_id)
    rng = np.random.default_rng(SEED)
    parameters = np.repeat(family.table("test"), family.evaluation_episodes, axis=0)
    simulator = family.make_simulator(len(parameters))
    states = sample_starts(simulator, rng, parameters)
    meta_test = sample_meta_test(family, states, load_dataset(family).digest(), rng)

    # The expert on the protocol's own episodes; the task-blind expert on every other task, so that
    # a task's zero does not hang on which others its episodes happened to draw.
    expert = measure(family, "expert", meta_test.tasks, meta_test.mismatched_tasks, states)
    number = len(family.table("test"))
    repeats = max(1, round(BLIND_EPISODES / (number * (number - 1))))
    pairs = [(i, j) for i in range(number) for j in range(number) if i != j]
    tasks, others = np.repeat(np.array(pairs), repeats, axis=0).T
    table = family.table("test")
    starts = np.stack([simulator.sample_start(rng, table[task]) for task in tasks])
    blind = measure(family, "task-blind", tasks, others, starts)
    meta_test = replace(meta_test, references=References(expert=expert, blind=blind))
    write_meta_test(protocol_folder(), meta_test)
    print(f"{family.id}: {meta_test.version}")


def measure(
    family: Family,
    name: str,
    tasks: NDArray[np.int64],
    others: NDArray[np.int64],
    states: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """A reference's metrics on every task, each (number of tasks,), from one episode a row."""
    agent = load_agent(name, family.id)
    assert isinstance(agent, PrivilegedAgent)
    table = family.table("test")
    policy = agent.adapt_to_tasks(table[tasks], table[others])
    episodes, _ = run_episodes(family, policy, table[tasks], states)
    return {metric: task_means(tasks, values) for metric, values in episodes.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    freeze(parser.parse_args().family)
