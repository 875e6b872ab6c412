"""What the experts are trained on: tasks drawn wider than the tables, and shaped rewards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smile_bench.envs.families.ant_goal import RADIUS, distance
from smile_bench.envs.family import FloatArray

__all__ = ["GoalReward", "circle_goals", "goal_reward"]


@dataclass(frozen=True, kw_only=True)
class GoalReward:
    """Shaped reward of an ant that walks to a goal.

    progress / dt + bonus exp(-d² / width) - cost ‖a‖² + alive, with d the distance in metres.
    """

    progress: float = 1.0
    bonus: float = 1.0
    width: float = 0.08
    cost: float = 0.05
    alive: float = 0.2


def goal_reward(
    shape: GoalReward,
    dt: float,
    before: FloatArray,
    after: FloatArray,
    actions: FloatArray,
    goals: FloatArray,
) -> FloatArray:
    """The shaped reward (N,) of a step between positions (N, nq) towards goals (N, 2)."""
    was, now = distance(before, goals), distance(after, goals)
    return (
        shape.progress * (was - now) / dt
        + shape.bonus * np.exp(-np.square(now) / shape.width)
        - shape.cost * np.square(actions).sum(axis=1)
        + shape.alive
    )


def circle_goals(rng: np.random.Generator, n: int) -> FloatArray:
    """Goals (n, 2) drawn uniformly on the circle."""
    angles = rng.uniform(0.0, 2.0 * np.pi, n)
    return RADIUS * np.stack((np.cos(angles), np.sin(angles)), axis=1)


DrawGoals = Callable[[np.random.Generator, int], FloatArray]
