"""Settings of the goal-conditioned agents for each family: what one needs stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smile_bench.baselines.unsupervised.config import CollectionConfig, GoalReachingConfig
from smile_bench.baselines.unsupervised.explorers.model_error import (
    LatentModelConfig,
    ModelErrorConfig,
)
from smile_bench.baselines.unsupervised.explorers.proposed_goals import ProposedGoalsConfig
from smile_bench.baselines.unsupervised.explorers.state_marginal import StateMarginalConfig
from smile_bench.baselines.unsupervised.explorers.vae import VAEConfig
from smile_bench.baselines.unsupervised.goal_space import GoalConfig
from smile_bench.errors import InputError, UnknownNameError, suggestion
from smile_bench.learning.sac import SACConfig

__all__ = ["PRESETS", "preset"]

PRESETS = ("proposed-goals", "skew-fit", "state-marginal-matching", "model-error")
"""Names of the goal-conditioned agents."""

GRID = "SmileGridGoal-v0"
ANT_GOAL = "SmileAntGoal-v0"

_FAMILIES: Mapping[str, Mapping[str, Any]] = {
    # A goal is a cell. It is reached with a chance, so that goals from anywhere are most of a
    # batch: an episode's own future favours lucky moves.
    GRID: {
        "iterations": 20,
        "updates_per_iteration": 50,
        "batch": 512,
        "validate_every": 20,
        "collection": CollectionConfig(env_steps=20, normaliser_iterations=3, episodes=30),
        "goal": GoalConfig(features=tuple(range(64)), one_hot=True, future=0.2, shown="typical"),
        "sac": SACConfig(
            hidden=(128, 128),
            discount=0.9,
            polyak=0.05,
            learning_rate=2e-3,
            entropy_weight=0.02,
        ),
    },
    # A goal is a place of the torso.
    ANT_GOAL: {
        "iterations": 400,
        "updates_per_iteration": 400,
        "validate_every": 20,
        "batch": 256,
        "collection": CollectionConfig(
            env_steps=100, random_iterations=3, hold=5, normaliser_iterations=10, episodes=150
        ),
        "goal": GoalConfig(features=(0, 1), relative=True, reward="progress", radius=0.1),
        "sac": SACConfig(
            hidden=(128, 128),
            layer_norm=True,
            discount=0.95,
            learning_rate=6e-4,
            policy_every=2,
            entropy_weight=0.01,
        ),
    },
}

_EXPLORER: Mapping[str, SACConfig] = {
    GRID: SACConfig(
        hidden=(64, 64), discount=0.9, polyak=0.02, learning_rate=1e-3, entropy_weight=0.1
    ),
    ANT_GOAL: SACConfig(
        hidden=(128, 128),
        layer_norm=True,
        discount=0.97,
        learning_rate=6e-4,
        policy_every=2,
        entropy_weight=0.05,
    ),
}
"""Of explorers with a policy of their own."""


def _proposing(family: str) -> dict[str, Any]:
    small = family == GRID
    return {
        "propose_every": 2,
        "vae": VAEConfig(latent=4 if small else 2, samples=4 if small else 8),
    }


def _matching(family: str) -> dict[str, Any]:
    return {"explore_every": 2, "explorer": _EXPLORER[family]}


def _erring(family: str) -> dict[str, Any]:
    return {
        "explore_every": 2,
        "explorer": _EXPLORER[family],
        "model": LatentModelConfig(latent=16 if family == GRID else 8),
    }


_AGENTS: Mapping[str, tuple[type[GoalReachingConfig], Callable[[str], dict[str, Any]]]] = {
    "proposed-goals": (ProposedGoalsConfig, _proposing),
    "skew-fit": (ProposedGoalsConfig, lambda family: {"alpha": -1.0, **_proposing(family)}),
    "state-marginal-matching": (StateMarginalConfig, _matching),
    "model-error": (ModelErrorConfig, _erring),
}


def preset(name: str, family: str, seed: int = 0) -> GoalReachingConfig:
    """The settings of a goal-conditioned agent for a family.

    Args:
        name: one of :data:`PRESETS`.
        family: the family's id.
        seed: of the training.

    Raises:
        UnknownNameError: no such preset.
        InputError: the family has no settings.
    """
    if name not in PRESETS:
        raise UnknownNameError(f"unknown preset {name!r}. {suggestion(name, PRESETS)}")
    if family not in _FAMILIES:
        raise InputError(
            f"{name} has no settings for {family}; it has some for {', '.join(_FAMILIES)}. Make a "
            "configuration of your own, with the features of observations that are goals there."
        )
    kind, own = _AGENTS[name]
    return kind(family=family, seed=seed, **_FAMILIES[family], **own(family))
