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
    "SmileGridGoal-v0": {
        "skills": 16,
        "iterations": 30,
        "updates_per_iteration": 50,
        "collection": CollectionConfig(env_steps=20, episodes=8, normaliser_iterations=3),
        "discriminator": SkillDiscriminatorConfig(
            hidden=(64,), optimizer=AdamConfig(learning_rate=3e-3)
        ),
        "sac": SACConfig(
            hidden=(64, 64),
            layer_norm=True,
            discount=0.9,
            polyak=0.02,
            learning_rate=1e-3,
            policy_every=2,
            entropy_weight=0.1,
        ),
    },
    "SmileAntGoal-v0": {
        "skills": 32,
        "iterations": 100,
        "collection": CollectionConfig(env_steps=100, episodes=20, normaliser_iterations=10),
        "discriminator": SkillDiscriminatorConfig(features=(0, 1)),
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
