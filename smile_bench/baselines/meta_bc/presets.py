"""Meta-BC's settings for each family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gymnasium import spaces

from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.envs import get_family

__all__ = ["family_settings", "preset"]

CLASSIFICATION = "SmileAntLinearClassification-v0"


def preset(family: str, seed: int = 0) -> MetaBCConfig:
    """Meta-BC's settings for a family."""
    config = MetaBCConfig(family=family, seed=seed)
    # Only the first state does not yet show which target the expert is walking to.
    first = 0.5 if family == CLASSIFICATION else 0.0
    return replace(config, first_state_fraction=first, **family_settings(family))


def family_settings(family: str) -> dict[str, Any]:
    """What a family changes, for Meta-BC and Meta-DAgger alike."""
    if isinstance(get_family(family).action_space, spaces.Discrete):
        # Few choices among few cells need less of everything.
        return {"total_updates": 600, "hidden": (128, 128), "updates_per_iteration": 50}
    if family == CLASSIFICATION:
        # 64 tasks are few enough to memorise, which all of this prevents.
        return {
            "weight_decay": 0.01,
            "augmentation": AugmentationConfig(constant_feature_noise=0.1, permuted_width=4),
            "final_state_weight": 1.0,
            "encoder": EncoderConfig(pooled=128, embedding=64),
            "context_timesteps": 8,
            "tasks_per_batch": 32,
            "states_per_task": 32,
        }
    return {}
