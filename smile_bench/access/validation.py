"""Episodes on the meta-validation tasks: those of one agent, or of several in one simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from smile_bench.agents import Policy
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family
from smile_bench.protocol.evaluation import run_episodes

__all__ = ["Episodes", "scores_of"]


class Episodes(NamedTuple):
    """Episodes of an agent that are about to begin, one a slot."""

    policy: Policy
    parameters: FloatArray
    """(slots, P)."""
    starts: FloatArray
    """Initial states, (slots, S)."""


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
