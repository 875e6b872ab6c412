"""The context encoder: any number of demonstrations to one code, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smile_bench.errors import InputError
from smile_bench.learning.networks import linear
from smile_bench.learning.normaliser import CLIP, MINIMUM_SCALE

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
    across: str = "mean"
    """How demonstrations are pooled: ``"mean"`` or, as the authors' code has it, ``"sum"``."""
    changes: bool = False
    """See s' as its change from s, in standard deviations of that change over the meta-train
    demonstrations: a control step changes little, and beside s the rest of s' tells nothing."""


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
    """Per-timestep network, mean over timesteps, pooling over demonstrations, network to the code.

    A mean over demonstrations keeps the code's scale for any number of them. Being pooled, the
    code does not depend on the order of timesteps or demonstrations.

    Args:
        features: size of a transition as the encoder sees it.
        config: sizes.
        generator: draws the initial weights.
        observed: size of s, and of s'; needed where changes are seen.

    Raises:
        InputError: an unknown pooling, or changes of states of no size.
    """

    change_scale: Tensor
    """(O,), where changes are seen."""

    def __init__(
        self, features: int, config: EncoderConfig, generator: torch.Generator, observed: int = 0
    ) -> None:
        super().__init__()
        if config.across not in ("mean", "sum"):
            raise InputError(f"demonstrations are pooled by mean or sum, not {config.across!r}.")
        if config.changes and not 0 < 2 * observed <= features:
            raise InputError(
                f"an encoder that sees changes takes s and s' of {observed} numbers each out of "
                f"{features}; give the size of an observation."
            )
        self.mean, self.changes = config.across == "mean", config.changes
        if self.changes:
            self.register_buffer("change_scale", torch.ones(observed))
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

    def measure(self, features: Tensor) -> None:
        """Take the standard deviations of changes from the meta-train demonstrations (..., F)."""
        if self.changes:
            changes = self._changes(features).flatten(0, -2)
            self.change_scale.copy_(changes.std(0).clamp(min=MINIMUM_SCALE))

    def forward(
        self, features: Tensor, present: Tensor | None = None, kept: Tensor | None = None
    ) -> Tensor:
        """Encode contexts.

        Args:
            features: (B, K, T, F).
            present: which demonstrations exist (B, K), all by default.
            kept: which of their timesteps are seen (B, K, T), at least one of each; all by default.

        Returns:
            Codes (B, code).
        """
        steps = self.timestep(self._seen(features))
        if kept is None:
            trajectories = steps.mean(dim=2)
        else:
            seen = kept.to(steps)[..., None]
            trajectories = (steps * seen).sum(dim=2) / seen.sum(dim=2)
        if present is None:
            present = trajectories.new_ones(trajectories.shape[:2], dtype=torch.bool)
        weights = present.to(trajectories)[..., None]
        pooled = (trajectories * weights).sum(dim=1)
        if self.mean:
            pooled = pooled / weights.sum(dim=1)
        code: Tensor = self.context(pooled)
        return code

    def _seen(self, features: Tensor) -> Tensor:
        if not self.changes:
            return features
        changes = (self._changes(features) / self.change_scale).clamp(-CLIP, CLIP)
        return torch.cat((features[..., : -len(self.change_scale)], changes), -1)

    def _changes(self, features: Tensor) -> Tensor:
        observed = len(self.change_scale)
        return features[..., -observed:] - features[..., :observed]
