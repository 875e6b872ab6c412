"""A family that does not ship with smile-bench, declared as a user would declare one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium as gym
import numpy as np

from smile_bench.envs import DatasetRecipe, Family, Metric, register_family, registry
from smile_bench.envs.families.ant_goal import AntGoal
from smile_bench.envs.mujoco.body import ANT, Marker
from smile_bench.envs.mujoco.family import ControlStep
from smile_bench.envs.simulation import StepResult

ID = "RingGoal-v0"
EXPERT = "ring-goal"
RADIUS = 1.0


class RingGoal(AntGoal):
    """Walk to a point 1 m from the start, and stay there."""

    def reward_and_info(self, step: ControlStep) -> StepResult:
        result = super().reward_and_info(step)
        result.info["final_distance"] = -result.info["reward_dist"]
        return result


def make_family(data: Path | None = None) -> Family:
    """The declaration: 6, 2 and 4 tasks, 12 control steps, and a metric of its own.

    Args:
        data: folder of the family's own files.
    """
    angles = np.arange(12) * np.pi / 6
    goals = np.round(RADIUS * np.stack((np.cos(angles), np.sin(angles)), axis=1), 12)
    return RingGoal(
        id=ID,
        title="Ring goal",
        summary="walk to a goal on a circle of radius 1 m",
        body=ANT,
        parameter_names=("goal_x", "goal_y"),
        tasks={"train": goals[0::2], "validation": goals[[1, 7]], "test": goals[[3, 5, 9, 11]]},
        horizon=12,
        metrics=(
            Metric(
                name="min_distance",
                description="smallest distance to the goal over the episode",
                unit="m",
                higher_is_better=False,
            ),
            Metric(
                name="final_distance",
                description="distance to the goal at the end of the episode",
                unit="m",
                higher_is_better=False,
            ),
        ),
        context_sizes=(1, 2),
        evaluation_episodes=4,
        dataset_recipe=DatasetRecipe(expert=EXPERT, demonstrations=4, subsample=1, noise=0.6),
        markers=(Marker(name="goal", rgba=(0.1, 0.7, 0.2, 0.8), radius=0.15),),
        data=data,
    )


@contextmanager
def registered(family: Family) -> Iterator[Family]:
    """Register a family, and forget it at the end, so that other tests do not see it."""
    try:
        yield register_family(family)
    finally:
        registry._registered.pop(family.id, None)
        gym.registry.pop(family.id, None)
