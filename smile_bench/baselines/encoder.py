"""The context encoder: any number of demonstrations to one code, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smile_bench.baselines.networks import linear

__all__ = ["ContextEncoder", "EncoderConfig", "context_features"]


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes of the encoder; the authors' code has a code of 64 and sums over demonstrations."""

    hidden: int = 128
    """Width of the two hidden layers per timestep."""
    pooled: int = 64
    """Size of what is pooled, first within and then across demonstrations."""
    code: int = 32
    """Size of the context code z."""


def context_features(
    observations: Tensor, actions: Tensor | None, next_observations: Tensor
) -> Tensor:
    """What the encoder sees of a transition: (s, a, s'), or (s, s') without actions."""
    parts = (
        [observations, next_observations]
        if actions is None
        else [
            observations,
            actions,
            next_observations,
        ]
    )
    return torch.cat(parts, dim=-1)


class ContextEncoder(nn.Module):
    """Per-timestep network, mean over timesteps, mean over demonstrations, network to the code.

    The mean over demonstrations keeps the code's scale for any number of them; being pooled, the
    code does not depend on the order of timesteps or demonstrations.

    Args:
        features: size of a transition as the encoder sees it.
        config: sizes.
        generator: draws the initial weights.
    """

    def __init__(self, features: int, config: EncoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.timestep = nn.Sequential(
            linear(features, config.hidden, generator),
            nn.ReLU(),
            linear(config.hidden, config.hidden, generator),
            nn.ReLU(),
            linear(config.hidden, config.pooled, generator),
        )
        self.context = nn.Sequential(
            linear(config.pooled, config.pooled, generator),
            nn.ReLU(),
            linear(config.pooled, config.code, generator),
        )

    def forward(self, features: Tensor, present: Tensor | None = None) -> Tensor:
        """Encode contexts.

        Args:
            features: (B, K, T, F).
            present: which demonstrations exist (B, K), all by default.

        Returns:
            Codes (B, code).
        """
        trajectories = self.timestep(features).mean(dim=2)
        if present is None:
            pooled = trajectories.mean(dim=1)
        else:
            weights = present.to(trajectories.dtype)[..., None]
            pooled = (trajectories * weights).sum(dim=1) / weights.sum(dim=1)
        code: Tensor = self.context(pooled)
        return code
