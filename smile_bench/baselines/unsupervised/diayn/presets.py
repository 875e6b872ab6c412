"""DIAYN's settings for each family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smile_bench.baselines.unsupervised.config import CollectionConfig
from smile_bench.baselines.unsupervised.diayn.config import DIAYNConfig, SkillDiscriminatorConfig
from smile_bench.errors import InputError
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.sac import SACConfig

__all__ = ["preset"]

_FAMILIES: Mapping[str, Mapping[str, Any]] = {
    # The discriminator sees cells alone: with the time of a step it memorises the few episodes of
    # each skill. Four environments a task make them more.
    "SmileGridGoal-v0": {
        "iterations": 40,
        "updates_per_iteration": 50,
        "validate_every": 20,
        "collection": CollectionConfig(env_steps=20, copies=4, episodes=4, normaliser_iterations=3),
        "discriminator": SkillDiscriminatorConfig(
            features=tuple(range(64)), hidden=(64,), optimizer=AdamConfig(learning_rate=3e-3)
        ),
        "sac": SACConfig(
            hidden=(64, 64),
            layer_norm=True,
            discount=0.9,
            polyak=0.02,
            learning_rate=3e-3,
            entropy_weight=0.1,
        ),
    },
    # A skill leads to a place of the torso.
    "SmileAntGoal-v0": {
        "skills": 16,
        "iterations": 400,
        "validate_every": 40,
        "collection": CollectionConfig(
            random_iterations=3, hold=5, normaliser_iterations=10, episodes=20
        ),
        "discriminator": SkillDiscriminatorConfig(features=(0, 1), hidden=(64, 64)),
        "sac": SACConfig(
            hidden=(128, 128),
            layer_norm=True,
            discount=0.97,
            learning_rate=6e-4,
            policy_every=2,
            entropy_weight=0.02,
        ),
    },
}


def preset(family: str, seed: int = 0) -> DIAYNConfig:
    """DIAYN's settings for a family.

    Raises:
        InputError: the family has no settings.
    """
    if family not in _FAMILIES:
        raise InputError(
            f"diayn has no settings for {family}; it has some for {', '.join(_FAMILIES)}. Make a "
            "DIAYNConfig of your own."
        )
    return DIAYNConfig(family=family, seed=seed, **_FAMILIES[family])
