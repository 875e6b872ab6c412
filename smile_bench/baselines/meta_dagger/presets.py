"""Meta-DAgger's settings for each family."""

from __future__ import annotations

from dataclasses import replace

from smile_bench.baselines.meta_bc.presets import family_settings
from smile_bench.baselines.meta_dagger.training import MetaDAggerConfig

__all__ = ["preset"]


def preset(family: str, seed: int = 0) -> MetaDAggerConfig:
    """Meta-DAgger's settings for a family."""
    return replace(MetaDAggerConfig(family=family, seed=seed), **family_settings(family))
