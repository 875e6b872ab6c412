"""How a family's meta-test set was frozen, and its references measured; kept for the record.

The committed files are the benchmark. Run this once for a new family or protocol version.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import PrivilegedAgent
from smile_bench.baselines import load_agent
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_family
from smile_bench.protocol.evaluation import run_episodes
from smile_bench.protocol.metatest import (
    References,
    draw_meta_test,
    protocol_folder,
    write_meta_test,
)
from smile_bench.protocol.result import task_means

SEED = 2019


def freeze(family_id: str) -> None:
    """Draw the meta-test set of a family, measure the references on it, write both."""
    family = get_family(family_id)
    rng = np.random.default_rng(SEED)
    parameters = np.repeat(family.table("test"), family.evaluation_episodes, axis=0)
    simulator = family.make_simulator(len(parameters))
    states = np.stack([simulator.draw_start(rng, row) for row in parameters])
    meta_test = draw_meta_test(family, states, load_dataset(family).digest(), rng)

    def measure(name: str) -> dict[str, NDArray[np.float64]]:
        agent = load_agent(name, family.id)
        assert isinstance(agent, PrivilegedAgent)
        others = family.table("test")[meta_test.others]
        policy = agent.adapt_to_tasks(parameters, others)
        episodes, _ = run_episodes(family, policy, parameters, states)
        return {metric: task_means(meta_test.tasks, values) for metric, values in episodes.items()}

    references = References(expert=measure("expert"), blind=measure("task-blind"))
    write_meta_test(protocol_folder(), meta_test, references)
    print(f"{family.id}: {meta_test.version}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    freeze(parser.parse_args().family)
