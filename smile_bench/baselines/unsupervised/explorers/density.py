"""How often goal features were seen, in cells of equal size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU

__all__ = ["Histogram", "HistogramConfig"]

MOST = 1_000_000
"""Cells of a histogram."""


@dataclass(frozen=True, kw_only=True)
class HistogramConfig:
    """The cells of real features; one-hot features are a cell each."""

    low: float = -3.0
    """Where the first cell begins, in the features' units; lower numbers count to it."""
    high: float = 3.0
    """Where the last cell ends; higher numbers count to it."""
    bins: int = 24
    """Cells of each feature."""


class Histogram:
    """Counts of everything seen so far, of M trainings.

    Args:
        trainings: M.
        features: G.
        one_hot: whether exactly one feature is 1 and the others are 0.
        config: of the cells.
        device: where the counts lie.

    Raises:
        InputError: an empty range, or too many cells.
    """

    def __init__(
        self,
        trainings: int,
        features: int,
        one_hot: bool,
        config: HistogramConfig,
        device: torch.device = CPU,
    ) -> None:
        self.one_hot, self.config = one_hot, config
        cells = features if one_hot else config.bins**features
        if not config.low < config.high or cells > MOST:
            raise InputError(
                f"a histogram of {features} features in {config.bins} bins each, from {config.low} "
                f"to {config.high}, has {cells} cells; give low < high and at most {MOST} cells."
            )
        self.counts = torch.zeros((trainings, cells), device=device)
        """How often each cell was seen, (M, cells)."""
        powers = [config.bins**place for place in range(0 if one_hot else features)]
        self._strides = torch.tensor(powers, dtype=torch.long, device=device)

    def cells(self, features: Tensor) -> Tensor:
        """Cells (M, B) of features (M, B, G)."""
        if self.one_hot:
            return features.argmax(-1)
        config = self.config
        share = (features - config.low) / (config.high - config.low)
        places = (share * config.bins).floor().clamp(0, config.bins - 1).long()
        return (places * self._strides).sum(-1)

    def add(self, features: Tensor) -> None:
        """Count features (M, B, G)."""
        cells = self.cells(features)
        self.counts.scatter_add_(1, cells, torch.ones_like(features[..., 0]))

    def log_density(self, features: Tensor) -> Tensor:
        """log p of the cells (M, B) of features (M, B, G); a cell counts as seen once more."""
        seen = (self.counts + 1.0).log() - (self.counts + 1.0).sum(1, keepdim=True).log()
        return seen.gather(1, self.cells(features))

    @property
    def log_uniform(self) -> float:
        """log p of each cell under the uniform distribution."""
        return -math.log(self.counts.shape[1])

    def state_dict(self, index: int) -> dict[str, Any]:
        """The counts of a training."""
        return {"counts": self.counts[index]}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.counts[index].copy_(state["counts"])
