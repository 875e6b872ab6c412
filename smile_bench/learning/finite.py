"""Whether losses stayed finite, kept on the device and looked at once an iteration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["FiniteLosses"]


class FiniteLosses:
    """Which losses of M trainings have been finite at every update so far.

    Args:
        names: of the losses.
        trainings: M.
        device: where the losses lie.
    """

    def __init__(self, names: Sequence[str], trainings: int, device: torch.device) -> None:
        self._finite = {
            name: torch.ones(trainings, dtype=torch.bool, device=device) for name in names
        }

    def watch(self, name: str, losses: Tensor) -> None:
        """Note the losses (M,) of an update; nothing waits for them."""
        self._finite[name].logical_and_(losses.detach().isfinite())

    def failed(self, weights: Tensor | None = None) -> list[list[str]]:
        """The names of each training's losses that have not been finite.

        Args:
            weights: of each training, (M, P). If they are not finite, which the next loss would
                show, the name is ``weights``.
        """
        finite = dict(self._finite)
        if weights is not None:
            finite["weights"] = weights.isfinite().all(1)
        table = torch.stack(list(finite.values()), 1).cpu().tolist()
        return [[name for name, held in zip(finite, row, strict=True) if not held] for row in table]
