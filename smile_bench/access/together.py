"""What several learners do together: act in one simulation, and be validated in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smile_bench.access.metered import Access
from smile_bench.access.validation import scores_of
from smile_bench.agents import Agent
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.errors import InputError
from smile_bench.reward_free import Environments

__all__ = ["environments_together", "validate_together"]


def validate_together(
    accesses: Sequence[Access],
    agents: Sequence[Agent],
    *,
    episodes: int = 1,
    seed: int = 0,
    threads: int = 1,
) -> list[dict[str, float]]:
    """As :meth:`Access.validate` of each agent with its access, in one simulation.

    Args:
        accesses: of one family and one dataset.
        agents: one an access.
        episodes: episodes per task and agent.
        seed: seed of contexts and initial states.
        threads: native threads of the simulator; the metrics do not depend on them.

    Raises:
        AgentError, InputError: as there.
    """
    if not accesses:
        return []
    pairs = zip(accesses, agents, strict=True)
    runs = [access.episodes_of(agent, episodes, seed) for access, agent in pairs]
    return scores_of(accesses[0].family, runs, threads=threads)


def environments_together(
    accesses: Sequence[Access], tasks: IntArray, *, threads: int | None = None
) -> Environments:
    """Reward-free environments of several learners, stepped together and counted by each access.

    Each access measures the coverage of its own learner.

    Args:
        accesses: of one family, with the same meta-train tasks.
        tasks: task of each environment of each learner, (slots,).
        threads: native threads, by default one per available processor.

    Returns:
        Environments (learners · slots,), those of the first learner first.

    Raises:
        InputError: as :meth:`Access.environments`, or the learners have other tasks.
    """
    first = accesses[0]
    checked = [access.parameters_of(tasks) for access in accesses]
    if not all(np.array_equal(checked[0], parameters) for parameters in checked):
        raise InputError(
            "learners that act together have the same meta-train tasks, and these accesses have "
            "different ones. Let them act one after another."
        )

    def count(steps: int) -> None:
        for access in accesses:
            access.count_env_steps(steps // len(accesses))

    def watch(observations: FloatArray) -> None:
        parts = np.split(observations, len(accesses))
        for access, own in zip(accesses, parts, strict=True):
            access.note_reached(own)

    return Environments(
        first.family,
        np.tile(np.asarray(tasks), len(accesses)),
        np.concatenate(checked),
        count,
        threads=threads,
        watch=None if first.family.coverage_cells is None else watch,
    )
