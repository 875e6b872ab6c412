"""What an agent's context is worth: scores on train and validation tasks under several contexts.

One demonstration of the task itself, one of another task of the split, and several of the task; of
an agent of several pairs of encoder and policy, also what each does alone: one member after the
other, of each the last state before the earlier ones. Meta-test is never looked at.

    python tools/score_contexts.py SmileWalkerDynamics-v0 --agent smile
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from smile_bench import load_agent
from smile_bench.agents import Agent, PrivilegedAgent, is_state_only
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.protocol.evaluation import run_episodes


def members(agent: Agent) -> list[tuple[str, Agent]]:
    """Each pair of an agent as an agent of its own, if there are several."""
    if not isinstance(agent, Imitator) or len(agent.members) == 1:
        return []
    config = replace(agent.config, members=1)
    return [
        (
            f"pair {k} alone",
            Imitator(agent.name, config, [one], agent.normaliser, {}, agent.trimming),
        )
        for k, one in enumerate(agent.members)
    ]


def main() -> None:
    """Print the mean of the family's metric for each split and kind of context."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    parser.add_argument("--agent", default="smile")
    parser.add_argument("--episodes", type=int, default=4, help="of each task and kind")
    parser.add_argument("--shots", type=int, default=8, help="where there are several")
    parser.add_argument("--whole", action="store_true", help="leave out what each pair does alone")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    family, dataset = get_family(arguments.family), load_dataset(arguments.family)
    agent = load_agent(arguments.agent, arguments.family)
    if isinstance(agent, PrivilegedAgent):
        parser.error(f"{arguments.agent} is told the task and reads no context.")
    for split in ("train", "validation"):
        part, rng = dataset.splits[split], np.random.default_rng(arguments.seed)
        tasks = np.repeat(np.arange(part.tasks), arguments.episodes)
        others = (tasks + rng.integers(1, part.tasks, size=len(tasks))) % part.tasks
        parameters = family.table(split)[tasks]
        simulator = family.make_simulator(len(tasks), threads=1)
        simulator.set_tasks(parameters)
        starts = sample_starts(simulator, rng, parameters)
        contexts = {
            kind: [
                part.context(int(task), rng.permutation(part.demonstrations)[:shots].tolist())
                for task in shown
            ]
            for kind, shown, shots in (
                ("its own", tasks, 1),
                ("another task's", others, 1),
                (f"{arguments.shots} of its own", tasks, arguments.shots),
            )
        }
        scored = [(kind, kind, agent) for kind in contexts]
        alone = [] if arguments.whole else members(agent)
        scored += [(f"its own, {name}", "its own", member) for name, member in alone]
        for name, kind, acting in scored:
            shown = contexts[kind]
            if is_state_only(acting):
                shown = [context.state_only() for context in shown]
            policy = acting.adapt(shown)
            metrics, _ = run_episodes(family, policy, parameters, starts, threads=1)
            print(f"{split}, {name}: {metrics[family.metric.name].mean():.4g}", flush=True)


if __name__ == "__main__":
    main()
