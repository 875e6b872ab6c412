"""Exponential moving averages (EMA) of stacked networks' weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from smile_bench.learning.optimizers import as_rows
from smile_bench.learning.stacking import in_step

__all__ = ["EMA"]


class EMA:
    """average ← decay · average + (1 - decay) · latest, beginning at the first ``latest``.

    Args:
        latest: the stacks of M networks that are trained, in order.
        decay: 0 for the latest networks themselves.
    """

    def __init__(self, latest: tuple[nn.Module, ...], decay: float) -> None:
        self._latest, self._decay = latest, decay
        self.modules = tuple(copy.deepcopy(module).requires_grad_(False) for module in latest)
        """The averaged networks, in the order that they were given in."""
        self.rows = as_rows(self.modules)
        """Their parameters, (M, P)."""
        self._updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the latest weights."""
        parameters = [p for module in self._latest for p in module.parameters()]
        latest = torch.cat([p.flatten(1) for p in parameters], 1)
        self.rows.lerp_(latest, 1.0 - self._decay if self._updates else 1.0)
        self._updates += 1

    def state_dict(self, index: int) -> dict[str, Any]:
        """The average of one training of the M."""
        return {"rows": self.rows[index], "updates": self._updates}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.rows[index].copy_(state["rows"])
        self._updates = in_step(index, self._updates, state["updates"])
