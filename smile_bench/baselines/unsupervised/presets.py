"""Settings of the unsupervised agents for each family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smile_bench.baselines.unsupervised.config import CollectionConfig
from smile_bench.baselines.unsupervised.goal_space import GoalConfig
from smile_bench.baselines.unsupervised.proposed_goals import ProposedGoalsConfig
from smile_bench.errors import InputError
from smile_bench.learning.sac import SACConfig

__all__ = ["preset"]

GRID = "SmileGridGoal-v0"
ANT_GOAL = "SmileAntGoal-v0"


def _grid() -> dict[str, Any]:
    return {
        "iterations": 30,
        "updates_per_iteration": 50,
        "batch": 256,
        "validate_every": 10,
        "collection": CollectionConfig(env_steps=20, episodes=30, normaliser_iterations=3),
        "goal": GoalConfig(features=tuple(range(64)), one_hot=True, future=0.3, radius=0.5),
        "sac": SACConfig(
            hidden=(128, 128),
            discount=0.9,
            polyak=0.02,
            learning_rate=1e-3,
            policy_every=1,
            entropy_weight=0.02,
        ),
    }


def _ant() -> dict[str, Any]:
    return {
        "iterations": 100,
        "updates_per_iteration": 200,
        "collection": CollectionConfig(env_steps=100, episodes=100, normaliser_iterations=10),
        "goal": GoalConfig(features=(0, 1), relative=True, reward="distance", radius=0.3),
    }


_FAMILIES = {GRID: _grid, ANT_GOAL: _ant}


def preset(name: str, family: str, seed: int = 0) -> ProposedGoalsConfig:
    """The settings of an agent for a family.

    Raises:
        InputError: the family has no settings.
    """
    if family not in _FAMILIES:
        raise InputError(
            f"{name} has no settings for {family}; it has some for {', '.join(_FAMILIES)}. Make a "
            "configuration of your own."
        )
    config = ProposedGoalsConfig(family=family, seed=seed, **_FAMILIES[family]())
    if name == "skew-fit":
        config = replace(config, alpha=-0.5)
    return config
