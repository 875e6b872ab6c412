"""Meta-DAgger's settings for the families."""

from __future__ import annotations

from dataclasses import replace

from smile_bench.baselines.meta_bc.presets import family_settings
from smile_bench.baselines.meta_dagger.training import MetaDAggerConfig

__all__ = ["preset"]


def preset(family: str, seed: int) -> MetaDAggerConfig:
    """Meta-DAgger's settings for a family."""
    config = MetaDAggerConfig(family=family, seed=seed)
    return replace(config, **family_settings(family))
