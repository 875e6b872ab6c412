"""An exponential moving average (EMA) of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

__all__ = ["EMA"]


class EMA:
    """average ← decay · average + (1 - decay) · latest, beginning at the first ``latest``.

    Args:
        latest: the networks that are trained, in order.
        decay: 0 for the latest networks themselves.
    """

    def __init__(self, latest: tuple[nn.Module, ...], decay: float) -> None:
        self._latest = nn.ModuleList(latest)
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(self._latest, multi_avg_fn=average)

    def update(self) -> None:
        """Move the average towards the latest weights."""
        self._average.update_parameters(self._latest)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The averaged networks, in the order that they were given in."""
        return tuple(self._average.module.children())

    def state_dict(self) -> dict[str, Any]:
        """The average."""
        return self._average.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self._average.load_state_dict(dict(state))
