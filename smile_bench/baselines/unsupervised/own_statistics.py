"""The normaliser of an agent that has no demonstrations: statistics of its own steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from smile_bench.learning.devices import CPU
from smile_bench.learning.normaliser import CLIP, MINIMUM_SCALE, Normaliser

__all__ = ["OwnStatistics"]


class OwnStatistics:
    """Means and standard deviations of what each of M trainings has seen.

    Args:
        trainings: M.
        observations: O.
        device: where the numbers lie.
    """

    def __init__(self, trainings: int, observations: int, device: torch.device = CPU) -> None:
        self.mean = torch.zeros((trainings, 1, observations), device=device)
        """As of the last :meth:`fit`, (M, 1, O)."""
        self.scale = torch.ones((trainings, 1, observations), device=device)
        """Likewise; no smaller than the suite's normalisers have."""
        self._sums = torch.zeros((trainings, 3, observations), dtype=torch.float64, device=device)
        """Number, sum and sum of squares, (M, 3, O)."""

    def add(self, states: Tensor) -> None:
        """Count observations (M, N, O). It changes the z-scores at the next :meth:`fit`."""
        given = states.double()
        self._sums[:, 0] += given.shape[1]
        self._sums[:, 1] += given.sum(1)
        self._sums[:, 2] += given.square().sum(1)

    def fit(self) -> None:
        """Take over the statistics of everything counted so far."""
        number, first, second = self._sums.unbind(1)
        mean = first / number
        variance = (second / number - mean.square()).clamp_min(0.0)
        self.mean.copy_(mean[:, None])
        self.scale.copy_(variance.sqrt().clamp_min(MINIMUM_SCALE)[:, None])

    def __call__(self, states: Tensor) -> Tensor:
        """Z-scores (M, B, O) of observations (M, B, O), clipped."""
        return ((states - self.mean) / self.scale).clamp(-CLIP, CLIP)

    def normaliser(self, index: int) -> Normaliser:
        """That of one training, to act with."""
        mean, scale = (part[index, 0].cpu().numpy().copy() for part in (self.mean, self.scale))
        return Normaliser(mean, scale)

    def state_dict(self, index: int) -> dict[str, Any]:
        """The statistics of a training."""
        return {"mean": self.mean[index], "scale": self.scale[index], "sums": self._sums[index]}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.mean[index].copy_(state["mean"])
        self.scale[index].copy_(state["scale"])
        self._sums[index].copy_(state["sums"])
