"""The two references that are told the task: the expert, and the expert acting for another task."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smile_bench.datasets.expert import load_expert
from smile_bench.datasets.variants import load_task_blind
from smile_bench.envs.family import ToldPolicy

__all__ = ["ExpertAgent", "ExpertPolicy", "TaskBlind"]


@dataclass(frozen=True, eq=False)
class ExpertPolicy:
    """The expert acting for tasks (slots, P)."""

    expert: ToldPolicy
    parameters: NDArray[np.float64]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    """For experts that draw their actions."""

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float32]:
        """Actions (slots, nu) for observations (slots, observation_size)."""
        return self.expert.act(observations, self.parameters, self.rng)


class ExpertAgent:
    """The upper reference, score 1: the family's expert, told the true task.

    Args:
        family: the family's id.

    Raises:
        ExpertError: the family has no trained expert.
    """

    name = "expert"

    def __init__(self, family: str) -> None:
        self.expert = load_expert(family)

    def adapt_to_tasks(
        self, parameters: NDArray[np.float64], others: NDArray[np.float64]
    ) -> ExpertPolicy:
        """Act for the true tasks."""
        return ExpertPolicy(self.expert, parameters)


class TaskBlind:
    """The lower reference, score 0: the family's expert, told another task.

    It moves like an expert and knows nothing of the task; what an imitator scores above it is what
    the demonstrations told. Where the family says so it is the base policy, as in the paper's
    metric for walker dynamics.

    Args:
        family: the family's id.

    Raises:
        ExpertError: the family has no trained expert.
    """

    name = "task-blind"

    def __init__(self, family: str) -> None:
        self.expert = load_task_blind(family)

    def adapt_to_tasks(
        self, parameters: NDArray[np.float64], others: NDArray[np.float64]
    ) -> ExpertPolicy:
        """Act for the other tasks."""
        return ExpertPolicy(self.expert, others)
