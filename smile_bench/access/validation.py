"""Episodes on the meta-validation tasks: those of one agent, or of several in one simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from smile_bench.agents import Agent, Policy, checked_policy
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.datasets import Demonstrations
from smile_bench.envs import Family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError
from smile_bench.protocol.evaluation import run_episodes

__all__ = ["Episodes", "prepared_episodes", "scores_of"]


class Episodes(NamedTuple):
    """Episodes of an agent that are about to begin, one a slot."""

    policy: Policy
    parameters: FloatArray
    """(slots, P)."""
    starts: FloatArray
    """Initial states, (slots, S)."""


def prepared_episodes(
    family: Family,
    part: Demonstrations,
    agent: Agent,
    *,
    episodes: int,
    seed: int,
    state_only: bool,
) -> Episodes:
    """An agent that has adapted to the contexts of its episodes.

    Args:
        family: of all.
        part: demonstrations of the tasks.
        agent: the imitator.
        episodes: per task. They cycle through the family's context sizes.
        seed: of contexts and initial states.
        state_only: whether contexts have no actions.

    Raises:
        AgentError: the agent breaks the interface.
        InputError: a task has fewer demonstrations than the family's largest context.
    """
    rng, most = np.random.default_rng(seed), max(family.context_sizes)
    if part.demonstrations < most:
        raise InputError(
            f"contexts of {family.id} hold up to {most} demonstrations, but this dataset has "
            f"{part.demonstrations} of each validation task, so that agents cannot be "
            f"validated. Give a dataset with at least {most}."
        )
    tasks = np.repeat(np.arange(part.tasks), episodes)
    contexts = []
    for slot, task in enumerate(tasks):
        size = family.context_sizes[slot % len(family.context_sizes)]
        chosen = rng.permutation(part.demonstrations)[:size].tolist()
        contexts.append(part.context(int(task), chosen))
    if state_only:
        contexts = [context.state_only() for context in contexts]
    policy = checked_policy(agent, agent.adapt(contexts))
    parameters = part.task_parameters[tasks]
    simulator = family.make_simulator(len(tasks), threads=1)
    simulator.set_tasks(parameters)
    return Episodes(policy, parameters, sample_starts(simulator, rng, parameters))


def scores_of(
    family: Family, runs: Sequence[Episodes], *, threads: int = 1
) -> list[dict[str, float]]:
    """Run the episodes of some agents, as many of each, in one simulation.

    Args:
        family: of all.
        runs: one an agent.
        threads: native threads of the simulator; the metrics do not depend on them.

    Returns:
        Of each agent, the mean of each metric over its episodes, by name.

    Raises:
        AgentError: a policy breaks the interface.
    """
    policies, parameters, starts = zip(*runs, strict=True)
    policy = policies[0] if len(policies) == 1 else _SideBySide(policies)
    metrics, _ = run_episodes(
        family, policy, np.concatenate(parameters), np.concatenate(starts), threads=threads
    )
    split = {name: np.split(values, len(runs)) for name, values in metrics.items()}
    return [
        {name: float(values[index].mean()) for name, values in split.items()}
        for index in range(len(runs))
    ]


@dataclass(frozen=True)
class _SideBySide:
    """The policies of several agents as one, each for as many slots as the others."""

    policies: Sequence[Policy]

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (agents · slots, A) for observations (agents · slots, O)."""
        parts = np.split(observations, len(self.policies))
        acted = [policy.act(part) for policy, part in zip(self.policies, parts, strict=True)]
        return np.concatenate(acted)
