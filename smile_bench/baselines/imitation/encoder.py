"""The context encoder: any number of demonstrations, in any order, to one task embedding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smile_bench.errors import InputError
from smile_bench.learning.networks import Source, relu_mlp
from smile_bench.learning.normaliser import CLIP, MINIMUM_SCALE

__all__ = ["ContextEncoder", "EncoderConfig"]


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Settings of the encoder."""

    hidden: int = 128
    """Width of the two hidden layers per timestep."""
    pooled: int = 64
    """Size of what is pooled, first within and then across demonstrations."""
    embedding: int = 32
    """Z, length of the task embedding z; the authors have 64."""
    pooling: str = "mean"
    """How demonstrations are pooled: ``"mean"``, or ``"sum"`` as in the authors' code."""
    sees_changes: bool = False
    """See s' − s in place of s', in standard deviations over the meta-train demonstrations. A
    control step changes little, so that s' alone adds little to s."""


class ContextEncoder(nn.Module):
    """A network per timestep, a mean over timesteps, pooling over demonstrations, a network.

    A mean over demonstrations keeps the embedding's scale for any number of them. Because it
    pools, the embedding does not depend on the order of timesteps or demonstrations.

    Args:
        features: F, size of a transition as the encoder sees it.
        config: settings.
        source: of the initial weights. None leaves them to be loaded; M generators make a stack,
            whose inputs and outputs have a leading axis M.
        observed: O, size of s and of s'; needed if the encoder sees changes.

    Raises:
        InputError: an unknown pooling, or changes without the size of an observation.
    """

    change_scale: Tensor
    """(O,), where changes are seen."""

    def __init__(
        self,
        features: int,
        config: EncoderConfig,
        source: Source,
        observed: int = 0,
    ) -> None:
        super().__init__()
        if config.pooling not in ("mean", "sum"):
            raise InputError(f"encoder.pooling is {config.pooling!r}; give 'mean' or 'sum'.")
        if config.sees_changes and not 0 < 2 * observed <= features:
            raise InputError(
                f"an encoder that sees changes needs s and s' of {observed} numbers each within "
                f"the {features} of a transition; give the size of an observation."
            )
        self.mean, self.sees_changes = config.pooling == "mean", config.sees_changes
        if self.sees_changes:
            self.register_buffer("change_scale", torch.ones(observed))
        self.timestep = relu_mlp((features, config.hidden, config.hidden, config.pooled), source)
        self.context = relu_mlp((config.pooled, config.pooled, config.embedding), source)

    def measure(self, features: Tensor) -> None:
        """Take the scale of changes from the meta-train demonstrations' features (..., F)."""
        if self.sees_changes:
            changes = self._changes(features).flatten(0, -2)
            self.change_scale.copy_(changes.std(0).clamp(min=MINIMUM_SCALE))

    def forward(
        self, features: Tensor, present: Tensor | None = None, kept: Tensor | None = None
    ) -> Tensor:
        """Encode contexts.

        Args:
            features: (..., B, K, T, F).
            present: which demonstrations exist (..., B, K), all by default.
            kept: which timesteps are seen (..., B, K, T), at least one of each demonstration; all
                by default.

        Returns:
            Task embeddings (..., B, Z).
        """
        steps = self.timestep(self._seen(features))
        if kept is None:
            trajectories = steps.mean(dim=-2)
        else:
            seen = kept.to(steps)[..., None]
            trajectories = (steps * seen).sum(dim=-2) / seen.sum(dim=-2)
        if present is None:
            present = trajectories.new_ones(trajectories.shape[:-1], dtype=torch.bool)
        weights = present.to(trajectories)[..., None]
        pooled = (trajectories * weights).sum(dim=-2)
        if self.mean:
            pooled = pooled / weights.sum(dim=-2)
        embedding: Tensor = self.context(pooled)
        return embedding

    def _seen(self, features: Tensor) -> Tensor:
        if not self.sees_changes:
            return features
        changes = (self._changes(features) / self.change_scale).clamp(-CLIP, CLIP)
        return torch.cat((features[..., : -len(self.change_scale)], changes), -1)

    def _changes(self, features: Tensor) -> Tensor:
        observed = len(self.change_scale)
        return features[..., -observed:] - features[..., :observed]
