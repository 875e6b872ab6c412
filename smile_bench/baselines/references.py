"""The two privileged references: the expert, and an expert that acts for another task."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.registry import AgentSpec
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind

__all__ = ["AGENTS", "ExpertAgent", "ExpertPolicy", "TaskBlind"]


@dataclass(frozen=True, eq=False)
class ExpertPolicy:
    """The expert acting for given tasks."""

    expert: PrivilegedPolicy
    parameters: FloatArray
    """The task of each slot, (slots, P)."""
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    """For experts that sample their actions."""

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, nu) for observations (slots, observation_size)."""
        return self.expert.act(observations, self.parameters, self.rng)


class ExpertAgent:
    """The upper reference, score 1: the family's expert acting for the true task.

    Args:
        family: the family's id.

    Raises:
        ExpertError: the family has no trained expert.
    """

    name = "expert"

    def __init__(self, family: str) -> None:
        self.expert = load_expert(family)

    def adapt_to_tasks(self, parameters: FloatArray, others: FloatArray) -> ExpertPolicy:
        """Act for the true tasks.

        Args:
            parameters: parameters of each slot's task, (slots, P).
            others: not used.
        """
        return ExpertPolicy(self.expert, parameters)


class TaskBlind:
    """The lower reference, score 0: the family's expert acting for another task.

    It moves like an expert but knows nothing about the true task. What an imitator scores above it
    is what it learned from the demonstrations. Where tasks differ in dynamics alone, it is the base
    policy, which was trained on the unmodified dynamics, as in the paper's metric for walkers.

    Args:
        family: the family's id.

    Raises:
        ExpertError: the family has no trained expert.
    """

    name = "task-blind"

    def __init__(self, family: str) -> None:
        self.expert = load_task_blind(family)

    def adapt_to_tasks(self, parameters: FloatArray, others: FloatArray) -> ExpertPolicy:
        """Act for the mismatched tasks.

        Args:
            parameters: not used.
            others: parameters of a mismatched task for each slot, (slots, P).
        """
        return ExpertPolicy(self.expert, others)


AGENTS = (
    AgentSpec(
        name="expert",
        summary="the upper reference, score 1: knows the task",
        load=ExpertAgent,
    ),
    AgentSpec(
        name="task-blind",
        summary="the lower reference, score 0: an expert that acts for another task",
        load=TaskBlind,
    ),
)
